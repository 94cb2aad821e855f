"""How much of a stage's work may be done again: a share of the work done for the first time, and a little more.

A token bucket: each first attempt earns a part of a token, each second and later one costs a whole, and a few come with
time, so that what is left over after a bad hour is done in the end. Without tokens an inspection waits, and no attempt
is counted. One a process; so many together multiply the floor alone, not the share.
"""

from collections.abc import Callable

SHARE = 0.2
FLOOR_PER_S = 0.1
MOST_TOKENS = 5.0


class RetryBudget:
    """`clock` gives seconds. Begins full."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._tokens = MOST_TOKENS
        self._counted_at = clock()

    def earn(self) -> None:
        """Something was attempted for the first time."""
        self._add(SHARE)

    def spend(self) -> bool:
        """Whether another attempt may be made now; it is paid for then."""
        now = self._clock()
        self._add(FLOOR_PER_S * (now - self._counted_at))
        self._counted_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def give_back(self) -> None:
        """What was paid for came to nothing that counts as an attempt."""
        self._add(1)

    def _add(self, tokens: float) -> None:
        self._tokens = min(self._tokens + tokens, MOST_TOKENS)
