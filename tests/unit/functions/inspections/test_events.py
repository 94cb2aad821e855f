"""The list of events and their stream, over rows that are told and a clock that only moves when it is slept on."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import pytest

from core.contract import InspectionEvent
from core.database import Row, Values
from core.states import FINAL, State
from inspections.events import EventRecords, as_stream, has_ended, wait_beyond, wants_stream
from tests.fakes.clock import FakeClock
from tests.fakes.database import FakeDatabase

AT = datetime(2026, 1, 2, 3, 4, 5, 678901)


def rows(*states: State) -> list[Row]:
    return [{"state": state.value, "code": "x" if state is State.ERROR else None, "at": AT} for state in states]


def records(*states: State) -> EventRecords:
    return EventRecords(FakeDatabase(rows(*states)), "client-a", "insp_x")


class Happening(FakeDatabase):
    """One more of `states` is there at every `every`-th look."""

    def __init__(self, states: Sequence[State], every: int) -> None:
        super().__init__()
        self._states = states
        self._every = every
        self.looks = 0

    def all(self, statement: str, values: Values = None) -> list[Row]:
        self.looks += 1
        return rows(*self._states[: self.looks // self._every])


def test_events_are_numbered_from_1_with_utc_times() -> None:
    events = records(State.ACCEPTED, State.PRECHECKED, State.ERROR).all()
    assert [(event.id, event.state, event.final, event.code) for event in events] == [
        (1, State.ACCEPTED, False, None),
        (2, State.PRECHECKED, False, None),
        (3, State.ERROR, True, "x"),
    ]
    assert '"at":"2026-01-02T03:04:05.678901Z"' in events[0].model_dump_json()


@pytest.mark.parametrize("state", State)
def test_what_is_final_ends_it(state: State) -> None:
    assert has_ended(records(State.ACCEPTED, state).all()) == (state in FINAL)


@pytest.mark.parametrize(
    ("accept", "stream"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("text/event-stream", True),
        ("Text/Event-Stream; charset=utf-8", True),
        ("application/json, text/event-stream;q=0.9", True),
        ("text/event-streams", False),
    ],
)
def test_a_stream_is_asked_for_by_name(accept: str, stream: bool) -> None:
    assert wants_stream(accept) == stream


def seconds_waited(act: Callable[[FakeClock], Any]) -> float:
    clock = FakeClock()
    start = clock.now()
    act(clock)
    return clock.now() - start


@pytest.mark.parametrize(
    ("states", "last_id", "waited_s"),
    [
        ((State.ACCEPTED,), 0, 0),
        ((State.ACCEPTED,), 1, 25),
        ((State.ACCEPTED, State.CANCELLED), 1, 0),
        ((State.ACCEPTED, State.CANCELLED), 2, 0),
        ((State.ACCEPTED,), 7, 25),
    ],
)
def test_waits_only_for_what_may_come(states: tuple[State, ...], last_id: int, waited_s: float) -> None:
    told = records(*states)
    waited = seconds_waited(lambda clock: wait_beyond(told, last_id, 25, clock=clock.now, sleep=clock.sleep))
    assert waited == pytest.approx(waited_s)


def test_each_event_is_told_when_it_happens() -> None:
    """A client that follows: no event twice, none left out, the last answer is the end."""
    states = [State.ACCEPTED, State.PRECHECKED, State.INFERRED, State.PASSED]
    told, clock = EventRecords(Happening(states, every=5), "client-a", "insp_x"), FakeClock()
    seen: list[InspectionEvent] = []
    while not has_ended(found := wait_beyond(told, len(seen), 25, clock=clock.now, sleep=clock.sleep)):
        new = found[len(seen) :]
        assert len(new) == 1
        seen += new
    assert [event.state for event in [*seen, *found[len(seen) :]]] == states
    assert clock.now() < 1000 + 5


def test_the_stream_has_ids_data_and_when_to_come_back() -> None:
    events = records(State.ACCEPTED, State.PASSED).all()
    assert as_stream(events) == (
        f"retry: 200\n\nid: 1\ndata: {events[0].model_dump_json()}\n\nid: 2\ndata: {events[1].model_dump_json()}\n\n"
    )
    assert as_stream([]) == "retry: 200\n\n: nothing new\n\n"
