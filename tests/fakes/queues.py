"""One stage's queue in a list."""

from core.errors import Unavailable


class InMemoryQueue:
    """A `Queue`. `sent` holds (inspection id, delay in seconds), oldest first."""

    def __init__(self, *, away: bool = False) -> None:
        self.sent: list[tuple[str, int]] = []
        self.returned: list[tuple[str, int]] = []
        self.away = away

    def send(self, inspection_id: str, delay_s: int = 0) -> None:
        if self.away:
            raise Unavailable("The queue can't be reached at the moment.")
        self.sent.append((inspection_id, delay_s))

    def return_message(self, receipt_handle: str, after_s: int) -> None:
        self.returned.append((receipt_handle, after_s))
