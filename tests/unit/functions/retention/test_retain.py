"""Portions until all is done or time is up."""

from retention.retain import LEAVE_MS, PORTION, retain


class Due:
    def __init__(self, waiting: int) -> None:
        self.waiting = waiting

    def erase_due(self, limit: int) -> int:
        done = min(limit, self.waiting)
        self.waiting -= done
        return done


def test_until_nothing_is_left() -> None:
    due = Due(2 * PORTION + 7)
    assert retain(due, lambda: 60_000) == 2 * PORTION + 7
    assert due.waiting == 0


def test_until_time_is_up() -> None:
    left_ms = iter([60_000, LEAVE_MS + 1, LEAVE_MS])
    due = Due(10 * PORTION)
    assert retain(due, lambda: next(left_ms)) == 2 * PORTION
    assert due.waiting == 8 * PORTION
