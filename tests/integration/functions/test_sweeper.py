"""What the sweeper finds: all that no message will move any more, and nothing that one will."""

import pytest

from core.database import Database
from core.handover import Handover
from core.lanes import Lane
from core.states import State
from core.work_records import Claimed, WorkRecords
from sweeper.stuck_records import Stuck, StuckRecords
from sweeper.sweep import sweep
from sweeper.unfinished import Unfinished, look
from tests.fakes.queues import InMemoryQueue, both_lanes
from tests.fakes.requests import accepted

MAX_ATTEMPTS = 5


class Bench:
    """An accepted inspection and its sweeper."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.work = WorkRecords(database)
        self.id = accepted(database)
        self.queues = {state: InMemoryQueue() for state in (State.ACCEPTED, State.PRECHECKED, State.INFERRED)}
        self.handover = Handover(database, both_lanes(self.queues))

    def sweep(self) -> list[str]:
        """The states for which a message was sent."""
        for queue in self.queues.values():
            queue.sent.clear()
        sweep(StuckRecords(self.database), self.handover, after_s=30, max_attempts=MAX_ATTEMPTS)
        return [state.value for state, queue in self.queues.items() for _ in queue.sent]

    def tell(self) -> None:
        self.handover.tell(self.id, State.ACCEPTED, client_id="client-a", lane=Lane.INTERACTIVE)

    def claim(self, state: State = State.ACCEPTED) -> Claimed:
        claimed = self.work.claim(self.id, state, "worker", 30)
        assert isinstance(claimed, Claimed)
        return claimed

    def pass_time(self, seconds: int) -> None:
        columns = ("lease_until", "queued_at", "updated_at")
        changes = ", ".join(f"{column} = {column} - INTERVAL {seconds} SECOND" for column in columns)
        self.database.execute(f"UPDATE rvpxbverification_request_data SET {changes}")


@pytest.fixture
def bench(database: Database) -> Bench:
    return Bench(database)


def test_committed_but_never_queued(bench: Bench) -> None:
    assert bench.sweep() == []
    bench.pass_time(29)
    assert bench.sweep() == []
    bench.pass_time(2)
    assert bench.sweep() == ["accepted"]
    assert bench.sweep() == [], "it is queued now"


def test_every_stage_is_swept_to_its_own_queue(bench: Bench) -> None:
    bench.work.advance(bench.claim(), State.ACCEPTED, State.PRECHECKED)
    bench.pass_time(31)
    assert bench.sweep() == ["prechecked"]
    bench.work.advance(bench.claim(State.PRECHECKED), State.PRECHECKED, State.INFERRED)
    bench.pass_time(31)
    assert bench.sweep() == ["inferred"]


def test_queued_waits_its_turn(bench: Bench) -> None:
    bench.tell()
    bench.pass_time(1700)
    assert bench.sweep() == []
    bench.pass_time(200)
    assert bench.sweep() == ["accepted"], "no queue keeps a message waiting for so long"


def test_held_is_left_alone(bench: Bench) -> None:
    bench.tell()
    bench.claim()
    bench.pass_time(25)
    assert bench.sweep() == []


def test_worker_that_died(bench: Bench) -> None:
    bench.tell()
    bench.claim()
    bench.pass_time(31)
    assert bench.sweep() == ["accepted"]
    assert bench.sweep() == [], "once is enough"
    bench.claim()
    bench.pass_time(31)
    assert bench.sweep() == ["accepted"], "and again when the next one died"


def test_message_lost_after_a_worker_died(bench: Bench) -> None:
    bench.tell()
    bench.claim()
    bench.pass_time(31)
    assert bench.sweep() == ["accepted"]
    bench.pass_time(1900)
    assert bench.sweep() == ["accepted"], "the one message that was left is lost as well"


def test_released_without_its_message(bench: Bench) -> None:
    bench.work.release(bench.claim())
    assert bench.sweep() == []
    bench.pass_time(31)
    assert bench.sweep() == ["accepted"]


def test_every_attempt_died(bench: Bench) -> None:
    for _ in range(MAX_ATTEMPTS):
        bench.claim()
        bench.pass_time(31)
    assert bench.sweep() == []
    row = bench.database.one(
        "SELECT q.state, q.finished_at, f.code, f.outcome FROM rvpxbverification_request_data q"
        " JOIN rvpxbverification_fail f ON f.inspection_id = q.inspection_id"
    )
    assert row is not None
    assert (row["state"], row["code"], row["outcome"]) == ("error", "internal_error", "error")
    assert row["finished_at"] is not None
    bench.pass_time(4000)
    assert bench.sweep() == []


def test_not_given_up_while_a_worker_holds_it(bench: Bench) -> None:
    records = StuckRecords(bench.database)
    bench.claim()
    assert not records.give_up(bench.id, State.ACCEPTED, least_attempts=1, code="x", detail="y")
    bench.pass_time(31)
    assert not records.give_up(bench.id, State.ACCEPTED, least_attempts=2, code="x", detail="y")
    assert not records.give_up(bench.id, State.PRECHECKED, least_attempts=1, code="x", detail="y")
    assert records.give_up(bench.id, State.ACCEPTED, least_attempts=1, code="x", detail="y")
    assert not records.give_up(bench.id, State.ACCEPTED, least_attempts=1, code="x", detail="y")


def test_oldest_first_and_bounded(bench: Bench) -> None:
    ids = [bench.id, *(accepted(bench.database) for _ in range(3))]
    bench.pass_time(31)
    found = StuckRecords(bench.database).stuck(after_s=30, lost_after_s=1800, limit=3)
    assert found == [Stuck(each, "client-a", Lane.INTERACTIVE, State.ACCEPTED, 0) for each in ids[:3]]


def test_final_is_never_swept(bench: Bench) -> None:
    bench.work.finish_with_failure(bench.claim(), State.ACCEPTED, State.REJECTED, code="x", detail="y")
    bench.pass_time(4000)
    assert bench.sweep() == []


def test_what_is_under_way_is_counted_by_lane_and_what_is_held_or_final_is_not(database: Database) -> None:
    assert look(database) == Unfinished(interactive=0, bulk=0, oldest_s=0)
    ids = [accepted(database) for _ in range(5)]
    older, bulk, held, let_go, final = ids
    for inspection_id, change in {
        older: "accepted_at = accepted_at - INTERVAL 90 SECOND, state = 'prechecked'",
        bulk: "lane = 'bulk', accepted_at = accepted_at - INTERVAL 1 DAY",
        held: "held_until = UTC_TIMESTAMP(6) + INTERVAL 1 HOUR, accepted_at = accepted_at - INTERVAL 1 DAY",
        let_go: "released_at = UTC_TIMESTAMP(6) - INTERVAL 5 SECOND, accepted_at = accepted_at - INTERVAL 1 DAY",
        final: "state = 'passed', accepted_at = accepted_at - INTERVAL 1 DAY",
    }.items():
        database.execute(
            f"UPDATE rvpxbverification_request_data SET {change} WHERE inspection_id = %s", (inspection_id,)
        )
    found = look(database)
    assert (found.interactive, found.bulk) == (2, 1)
    assert 90 <= found.oldest_s < 120
