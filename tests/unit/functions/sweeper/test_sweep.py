"""One round of the sweeper over records that are told what is stuck."""

import pytest

from core.errors import Unavailable
from core.handover import Handover
from core.identifiers import new_identifier
from core.lanes import Lane
from core.states import State
from sweeper.stuck_records import Stuck, StuckRecords
from sweeper.sweep import Swept, sweep
from tests.fakes.database import FakeDatabase
from tests.fakes.queues import InMemoryQueue, both_lanes

IDS = [new_identifier("insp") for _ in range(4)]


class ToldStuck(StuckRecords):
    """`given_up` holds the ids that were ended; those in `moved_on` can't be."""

    def __init__(self, stuck: list[Stuck]) -> None:
        self.told = stuck
        self.given_up: list[str] = []
        self.moved_on: set[str] = set()

    def stuck(self, *, after_s: int, lost_after_s: int, limit: int) -> list[Stuck]:
        assert after_s < lost_after_s
        return self.told[:limit]

    def give_up(self, inspection_id: str, state: State, *, least_attempts: int, code: str, detail: str) -> bool:
        if inspection_id in self.moved_on:
            return False
        self.given_up.append(inspection_id)
        return True


def stuck(inspection_id: str, state: State, attempts: int, lane: Lane = Lane.INTERACTIVE) -> Stuck:
    return Stuck(inspection_id, "client-a", lane, state, attempts)


def queues() -> dict[State, InMemoryQueue]:
    return {state: InMemoryQueue() for state in (State.ACCEPTED, State.PRECHECKED, State.INFERRED)}


def test_each_goes_to_the_stage_of_its_state() -> None:
    records = ToldStuck(
        [stuck(IDS[0], State.ACCEPTED, 0), stuck(IDS[1], State.PRECHECKED, 4), stuck(IDS[2], State.INFERRED, 1)]
    )
    sent_to = queues()
    swept = sweep(records, Handover(FakeDatabase(), both_lanes(sent_to)), after_s=30, max_attempts=5)
    assert swept == Swept(sent=3, given_up=0)
    assert [queue.sent for queue in sent_to.values()] == [[(each, 0)] for each in IDS[:3]]


def test_each_goes_to_the_queue_of_its_lane() -> None:
    lanes = {lane: InMemoryQueue() for lane in Lane}
    records = ToldStuck([stuck(IDS[0], State.ACCEPTED, 0, Lane.BULK), stuck(IDS[1], State.ACCEPTED, 0)])
    sweep(records, Handover(FakeDatabase(), {State.ACCEPTED: lanes}), after_s=30, max_attempts=5)
    assert lanes[Lane.BULK].sent == [(IDS[0], 0)]
    assert lanes[Lane.INTERACTIVE].sent == [(IDS[1], 0)]
    assert lanes[Lane.BULK].groups == ["client-a"]


def test_what_died_every_time_is_given_up() -> None:
    records = ToldStuck(
        [stuck(IDS[0], State.PRECHECKED, 5), stuck(IDS[1], State.PRECHECKED, 6), stuck(IDS[2], State.ACCEPTED, 0)]
    )
    records.moved_on.add(IDS[1])
    swept = sweep(records, Handover(FakeDatabase(), both_lanes(queues())), after_s=30, max_attempts=5)
    assert swept == Swept(sent=1, given_up=1)
    assert records.given_up == [IDS[0]]


def test_nothing_stuck() -> None:
    assert sweep(ToldStuck([]), Handover(FakeDatabase(), both_lanes(queues())), after_s=30, max_attempts=5) == Swept(
        0, 0
    )


def test_unreachable_queue_is_an_error_of_the_round() -> None:
    sent_to = queues()
    sent_to[State.ACCEPTED].away = True
    with pytest.raises(Unavailable):
        sweep(
            ToldStuck([stuck(IDS[0], State.ACCEPTED, 0)]),
            Handover(FakeDatabase(), both_lanes(sent_to)),
            after_s=30,
            max_attempts=5,
        )
