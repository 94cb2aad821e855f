"""Prefer (RFC 7240) as a table, and the wait against a clock that only moves when it is slept on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidRequest
from core.identifiers import new_identifier
from core.states import FINAL, State
from inspections.waiting import LONGEST_PAUSE_S, LONGEST_WAIT_S, preferred_wait_s, wait_until_final
from tests.fakes.clock import FakeClock
from tests.fakes.records import InMemoryRecords

DEFAULT_WAIT_S = 20


@pytest.mark.parametrize(
    ("prefer", "wait_s"),
    [
        (None, DEFAULT_WAIT_S),
        ("", DEFAULT_WAIT_S),
        ("wait=0", 0),
        ("wait=7", 7),
        ("wait=25", 25),
        ("wait=26", LONGEST_WAIT_S),
        ("wait=999999", LONGEST_WAIT_S),
        ('wait="7"', 7),
        ("Wait=7", 7),
        (" wait = 7 ", 7),
        ("respond-async", 0),
        ("RESPOND-ASYNC", 0),
        ("respond-async, wait=10", 0),
        ("wait=10, respond-async", 0),
        ("handling=lenient", DEFAULT_WAIT_S),
        ("handling=lenient, wait=3", 3),
        ("return=minimal; foo=1, wait=3", 3),
    ],
)
def test_prefer(prefer: str | None, wait_s: int) -> None:
    assert preferred_wait_s(prefer, default_s=DEFAULT_WAIT_S, longest_s=60) == wait_s


@pytest.mark.parametrize("prefer", ["wait", "wait=", "wait=x", "wait=-1", "wait=1.5", "wait=1e3", "wait=9999999"])
def test_wait_needs_a_number(prefer: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        preferred_wait_s(prefer, default_s=DEFAULT_WAIT_S, longest_s=25)
    assert raised.value.field == "Prefer"


@pytest.mark.parametrize(("prefer", "wait_s"), [(None, 3), ("wait=4", 4), ("wait=9", 5), ("respond-async", 0)])
def test_a_plan_sets_the_default_and_the_limit(prefer: str | None, wait_s: int) -> None:
    assert preferred_wait_s(prefer, default_s=3, longest_s=5) == wait_s


def test_a_default_above_the_limit_is_the_limit() -> None:
    assert preferred_wait_s(None, default_s=20, longest_s=5) == 5


@given(st.text())
def test_any_other_preference_is_ignored_or_refused(prefer: str) -> None:
    try:
        wait_s = preferred_wait_s(prefer, default_s=DEFAULT_WAIT_S, longest_s=25)
    except InvalidRequest:
        return
    assert 0 <= wait_s <= LONGEST_WAIT_S


class Countdown(InMemoryRecords):
    """Turns final at the `final_at`-th look."""

    def __init__(self, final_at: int, final: State = State.PASSED) -> None:
        super().__init__()
        self.looks = 0
        self.final_at = final_at
        self.final = final

    def state(self, inspection_id: str) -> State | None:
        self.looks += 1
        return self.final if self.looks >= self.final_at else State.PRECHECKED


ID = new_identifier("insp")


@pytest.mark.parametrize("final", sorted(FINAL))
def test_final_is_seen_at_once(final: State) -> None:
    clock = FakeClock()
    assert wait_until_final(Countdown(1, final), ID, 20, clock=clock.now, sleep=clock.sleep)
    assert clock.slept == []


def test_looks_ever_more_slowly_until_it_is_final() -> None:
    clock = FakeClock()
    assert wait_until_final(Countdown(100), ID, 20, clock=clock.now, sleep=clock.sleep)
    assert len(clock.slept) == 99
    assert clock.slept == sorted(clock.slept)
    assert clock.slept[0] <= 0.05
    assert clock.slept[-1] == LONGEST_PAUSE_S


@pytest.mark.parametrize("wait_s", [0.5, 3, 25])
def test_gives_up_when_the_time_is_up_and_not_later(wait_s: float) -> None:
    clock = FakeClock()
    started = clock.now()
    assert not wait_until_final(Countdown(10**6), ID, wait_s, clock=clock.now, sleep=clock.sleep)
    assert clock.now() - started == pytest.approx(wait_s)


@pytest.mark.parametrize("wait_s", [0, -3])
def test_no_wait_asks_nothing(wait_s: float) -> None:
    records, clock = Countdown(1), FakeClock()
    assert not wait_until_final(records, ID, wait_s, clock=clock.now, sleep=clock.sleep)
    assert records.looks == 0
