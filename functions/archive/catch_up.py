"""Archive what is due, a portion at a time, as long as there is time."""

from collections.abc import Callable
from typing import Protocol

from core.result_archive import START, Place, Portion

PORTION = 50
LEAVE_MS = 20_000  # a portion is some 50 calls to the bucket and as many to the table and the database


class Archives(Protocol):
    def archive_due(self, *, after_s: int, beyond: Place, limit: int) -> Portion:
        """The oldest that are due beyond a place."""


def catch_up(archive: Archives, *, after_s: int, remaining_ms: Callable[[], int]) -> tuple[int, int]:
    """How many were archived, and how many can't be. What was not reached waits for the next round.

    Raises Unavailable.
    """
    archived = failed = 0
    beyond: Place | None = START
    while beyond is not None and remaining_ms() > LEAVE_MS:
        portion = archive.archive_due(after_s=after_s, beyond=beyond, limit=PORTION)
        archived, failed, beyond = archived + portion.archived, failed + portion.failed, portion.beyond
    return archived, failed
