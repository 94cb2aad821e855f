"""Erase what is due, a portion at a time, as long as there is time."""

from collections.abc import Callable
from typing import Protocol

PORTION = 50
LEAVE_MS = 15_000  # a portion is some 50 calls to the bucket


class Erases(Protocol):
    def erase_due(self, limit: int) -> int:
        """How many inspections' photos were removed, at most `limit`."""


def retain(erasure: Erases, remaining_ms: Callable[[], int]) -> int:
    """How many were erased. What was not reached waits for the next round. Raises Unavailable."""
    erased = 0
    while remaining_ms() > LEAVE_MS:
        portion = erasure.erase_due(PORTION)
        erased += portion
        if portion < PORTION:
            break
    return erased
