"""Erase what is due, a portion at a time, as long as there is time."""

from collections.abc import Callable
from typing import Protocol

PORTION = 50
FINGERPRINTS_PORTION = 1000  # rows alone
LEAVE_MS = 15_000  # a portion is some 50 calls to the bucket


class Erases(Protocol):
    def erase_due(self, limit: int) -> int:
        """How many were removed, at most `limit`: inspections' photos, or fingerprints."""


def retain(erasure: Erases, remaining_ms: Callable[[], int], portion_size: int = PORTION) -> int:
    """How many were erased. What was not reached waits for the next round. Raises Unavailable."""
    erased = 0
    while remaining_ms() > LEAVE_MS:
        portion = erasure.erase_due(portion_size)
        erased += portion
        if portion < portion_size:
            break
    return erased
