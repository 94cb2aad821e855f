"""Stop asking what does not answer: closed, open, half-open (M. Nygard, Release It!, "Circuit Breaker").

closed ─ so many failures in a row ─► open ─ its cooldown is over ─► half-open ─ the probe succeeds ─► closed
                                        ◄─────── the probe fails; the cooldown is doubled ───┘

One a process: docs/adr/0020. Pure of what it guards; whoever calls asks `admit` before and tells the outcome after.
"""

import threading
from collections.abc import Callable
from enum import StrEnum

FAILURES_TO_OPEN = 5
COOLDOWN_S, LONGEST_COOLDOWN_S = 10.0, 60.0
PROBE_LIMIT_S = 75.0  # a call takes no longer; a probe that was never told of is taken for lost after it


class Circuit(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class CircuitBreaker:
    """Thread-safe. `clock` gives seconds and never goes back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._state = Circuit.CLOSED
        self._period = 0  # counts changes of state: what was admitted in another period changes nothing any more
        self._failures = 0
        self._cooldown_s = COOLDOWN_S
        self._opened_at = 0.0
        self._probe_at: float | None = None

    @property
    def state(self) -> Circuit:
        return self._state

    def admit(self) -> int | None:
        """A ticket for one call, to be handed back with its outcome; None where no call may be made now."""
        with self._lock:
            now = self._clock()
            if self._state is Circuit.OPEN:
                if now < self._opened_at + self._cooldown_s:
                    return None
                self._change(Circuit.HALF_OPEN)
            if self._state is Circuit.HALF_OPEN:
                if self._probe_at is not None and now < self._probe_at + PROBE_LIMIT_S:
                    return None
                self._probe_at = now
            return self._period

    def succeeded(self, ticket: int) -> bool:
        """Whether this success closed the circuit."""
        with self._lock:
            if ticket != self._period:
                return False
            self._failures = 0
            if self._state is not Circuit.HALF_OPEN:
                return False
            self._cooldown_s = COOLDOWN_S
            self._change(Circuit.CLOSED)
            return True

    def failed(self, ticket: int) -> bool:
        """Whether this failure opened the circuit."""
        with self._lock:
            if ticket != self._period:
                return False
            if self._state is Circuit.HALF_OPEN:
                self._cooldown_s = min(2 * self._cooldown_s, LONGEST_COOLDOWN_S)
            else:
                self._failures += 1
                if self._failures < FAILURES_TO_OPEN:
                    return False
            self._opened_at = self._clock()
            self._change(Circuit.OPEN)
            return True

    def told_nothing(self, ticket: int) -> None:
        """The call ended in a way that says nothing of what is guarded; another may be the probe."""
        with self._lock:
            if ticket == self._period:
                self._probe_at = None

    def _change(self, state: Circuit) -> None:
        self._state = state
        self._period += 1
        self._failures = 0
        self._probe_at = None
