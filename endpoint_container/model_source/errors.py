"""What stops a model from being fetched."""


class FetchError(Exception):
    """The message says what is wrong, and names the setting where one is to blame."""
