"""The life of one inspection: which states there are and which step leads where."""

from enum import StrEnum


class State(StrEnum):
    """A state as it is stored and as a client sees it."""

    ACCEPTED = "accepted"
    PRECHECKED = "prechecked"
    INFERRED = "inferred"
    PASSED = "passed"
    FAILED = "failed"
    REVIEW = "review"
    REJECTED = "rejected"
    ERROR = "error"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


VERDICTS = frozenset({State.PASSED, State.FAILED, State.REVIEW})
FAILURES = frozenset({State.REJECTED, State.ERROR, State.CANCELLED, State.EXPIRED})
FINAL = VERDICTS | FAILURES

STEPS: dict[State, frozenset[State]] = {
    State.ACCEPTED: frozenset({State.PRECHECKED}) | FAILURES,
    State.PRECHECKED: frozenset({State.INFERRED}) | FAILURES - {State.REJECTED},
    State.INFERRED: VERDICTS | FAILURES - {State.REJECTED},
    **{state: frozenset() for state in FINAL},
}


def can_step(start: State, end: State) -> bool:
    """Whether `start` may become `end`; a final state never changes."""
    return end in STEPS[start]
