"""What photos looked like, as a client who has them compared and one who has not would have it."""

from collections.abc import Sequence
from typing import Any

from core.work_records import Claimed


class NothingCompared:
    """No client has photos compared."""

    def window_s(self, client_id: str) -> int | None:
        return None

    def note_and_find(self, claimed: Claimed, thumbnails: Sequence[bytes], window_s: int) -> list[dict[str, Any]]:
        raise AssertionError("nobody asked for it")


class SeenBefore:
    """Everybody has, for an hour; these were seen before. `noted` are the thumbnails, by inspection."""

    def __init__(self, *seen: dict[str, Any]) -> None:
        self._seen = list(seen)
        self.noted: dict[str, list[bytes]] = {}

    def window_s(self, client_id: str) -> int | None:
        return 3600

    def note_and_find(self, claimed: Claimed, thumbnails: Sequence[bytes], window_s: int) -> list[dict[str, Any]]:
        self.noted[claimed.inspection_id] = list(thumbnails)
        return self._seen
