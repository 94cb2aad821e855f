"""A list's cursor: opaque to the client, the sequence number of the last row to us."""

import base64
import binascii

from core.errors import InvalidRequest


def encode_cursor(sequence: int) -> str:
    """Where the next page begins."""
    return base64.urlsafe_b64encode(f"before:{sequence}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> int:
    """Raises InvalidRequest for anything that encode_cursor did not make."""
    try:
        name, _, number = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii").partition(":")
        if name == "before" and number.isdigit() and len(number) <= 20:
            return int(number)
    except (binascii.Error, ValueError):
        pass
    raise InvalidRequest("The cursor is not one of ours; take it from next_cursor.", field="cursor")
