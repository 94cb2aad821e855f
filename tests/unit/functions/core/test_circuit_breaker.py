"""The circuit as a state machine: whatever happens in whatever order, these hold."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from core.circuit_breaker import (
    COOLDOWN_S,
    FAILURES_TO_OPEN,
    LONGEST_COOLDOWN_S,
    PROBE_LIMIT_S,
    Circuit,
    CircuitBreaker,
)
from tests.fakes.clock import FakeClock


def opened(clock: FakeClock) -> CircuitBreaker:
    breaker = CircuitBreaker(clock.now)
    for _ in range(FAILURES_TO_OPEN):
        breaker.failed(admitted(breaker))
    return breaker


def admitted(breaker: CircuitBreaker) -> int:
    ticket = breaker.admit()
    assert ticket is not None
    return ticket


def test_failures_in_a_row_open_it_and_only_the_last_says_so() -> None:
    breaker = CircuitBreaker(FakeClock().now)
    told = [breaker.failed(admitted(breaker)) for _ in range(FAILURES_TO_OPEN)]
    assert told == [False] * (FAILURES_TO_OPEN - 1) + [True]
    assert breaker.state is Circuit.OPEN
    assert breaker.admit() is None


def test_a_success_begins_the_count_anew() -> None:
    breaker = CircuitBreaker(FakeClock().now)
    for _ in range(5):
        for _ in range(FAILURES_TO_OPEN - 1):
            breaker.failed(admitted(breaker))
        breaker.succeeded(admitted(breaker))
    assert breaker.state is Circuit.CLOSED


def test_after_the_cooldown_one_probe_goes_through() -> None:
    clock = FakeClock()
    breaker = opened(clock)
    clock.sleep(COOLDOWN_S - 0.1)
    assert breaker.admit() is None
    clock.sleep(0.1)
    probe = admitted(breaker)
    assert [breaker.admit() for _ in range(3)] == [None] * 3
    assert breaker.succeeded(probe), "this success closed it"
    assert breaker.state is Circuit.CLOSED
    assert not breaker.succeeded(admitted(breaker)), "it was closed before"


def test_failed_probes_make_the_cooldown_longer_up_to_a_bound() -> None:
    clock = FakeClock()
    breaker = opened(clock)
    for cooldown_s in (COOLDOWN_S, 2 * COOLDOWN_S, 4 * COOLDOWN_S, LONGEST_COOLDOWN_S, LONGEST_COOLDOWN_S):
        clock.sleep(cooldown_s - 0.1)
        assert breaker.admit() is None
        clock.sleep(0.1)
        assert breaker.failed(admitted(breaker))


def test_a_probe_that_told_nothing_leaves_room_for_another() -> None:
    clock = FakeClock()
    breaker = opened(clock)
    clock.sleep(COOLDOWN_S)
    breaker.told_nothing(admitted(breaker))
    assert breaker.admit() is not None


def test_a_lost_probe_is_not_waited_for_for_ever() -> None:
    clock = FakeClock()
    breaker = opened(clock)
    clock.sleep(COOLDOWN_S)
    admitted(breaker)
    clock.sleep(PROBE_LIMIT_S)
    assert breaker.admit() is not None


@pytest.mark.parametrize("outcome", ["succeeded", "failed", "told_nothing"])
def test_an_outcome_from_before_changes_nothing(outcome: str) -> None:
    clock = FakeClock()
    breaker = CircuitBreaker(clock.now)
    late = admitted(breaker)
    for _ in range(FAILURES_TO_OPEN):
        breaker.failed(admitted(breaker))
    getattr(breaker, outcome)(late)
    assert breaker.admit() is None, "still open"
    clock.sleep(COOLDOWN_S)
    admitted(breaker)
    getattr(breaker, outcome)(late)
    assert breaker.admit() is None, "the probe is still out"


class AnyOrder(RuleBasedStateMachine):
    """Calls that begin and end in any order, over time that passes in any steps."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.breaker = CircuitBreaker(self.clock.now)
        self.out: list[int] = []
        self.opened_at: float | None = None
        self.in_a_row = 0

    @rule()
    def call(self) -> None:
        before = self.breaker.state
        ticket = self.breaker.admit()
        if before is Circuit.CLOSED:
            assert ticket is not None, "a closed circuit lets all through"
        if before is Circuit.OPEN and ticket is not None:
            assert self.opened_at is not None
            assert self.clock.now() >= self.opened_at + COOLDOWN_S, "none before the cooldown is over"
            assert self.breaker.state is Circuit.HALF_OPEN
        if ticket is not None:
            self.out.append(ticket)

    @rule(seconds=st.floats(0.1, 30))
    def time_passes(self, seconds: float) -> None:
        self.clock.sleep(seconds)

    @precondition(lambda self: self.out)
    @rule(data=st.data(), outcome=st.sampled_from(["succeeded", "failed", "failed", "failed", "told_nothing"]))
    def outcome(self, data: st.DataObject, outcome: str) -> None:
        ticket = data.draw(st.sampled_from(self.out))
        self.out.remove(ticket)
        before = self.breaker.state
        told = getattr(self.breaker, outcome)(ticket)
        after = self.breaker.state
        if outcome == "told_nothing":
            assert after is before
        if before is Circuit.OPEN:
            assert after is Circuit.OPEN, "only time leads out of it"
        if before is Circuit.CLOSED and after is before:
            self.in_a_row = self.in_a_row + 1 if outcome == "failed" else 0 if outcome == "succeeded" else self.in_a_row
        if after is Circuit.OPEN and before is not after:
            assert outcome == "failed"
            assert told is True
            assert before is Circuit.HALF_OPEN or self.in_a_row <= FAILURES_TO_OPEN * 10
            self.opened_at = self.clock.now()
        if after is Circuit.CLOSED and before is Circuit.HALF_OPEN:
            assert outcome == "succeeded"
        if after is not before:
            self.in_a_row = 0

    @invariant()
    def at_most_one_probe_is_out_unless_one_was_lost(self) -> None:
        if self.breaker.state is Circuit.HALF_OPEN and self.breaker._probe_at is not None:
            recent = self.clock.now() < self.breaker._probe_at + PROBE_LIMIT_S
            assert not recent or self.breaker.admit() is None


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
