"""Cancelled and expired against a real server: one end, whoever else is at the inspection at that moment."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from core.database import Database, Row
from core.endings import Endings
from core.handover import Handover
from core.settings import WorkerSettings
from core.states import FINAL, State
from core.work_records import Claimed, LostLease, NotClaimed, WorkRecords
from core.worker import Advanced, Judged, Outcome, StageWorker
from sweeper.expire import AT_ONCE, expire_overdue
from tests.fakes.queues import InMemoryQueue, both_lanes
from tests.fakes.requests import RESULT, accepted
from tests.integration.functions.test_usage import counted, history

STAGES = (State.ACCEPTED, State.PRECHECKED, State.INFERRED)
NEXT = {State.ACCEPTED: State.PRECHECKED, State.PRECHECKED: State.INFERRED}
ENDINGS: dict[State, Callable[[Database, str], Any]] = {
    State.CANCELLED: lambda database, inspection_id: Endings(database).cancel("client-a", inspection_id),
    State.EXPIRED: lambda database, inspection_id: Endings(database).expire(inspection_id),
}


def claimed_in(database: Database, inspection_id: str, stage: State) -> Claimed:
    """A worker's claim on an inspection that was brought to `stage`."""
    records = WorkRecords(database)
    for state in STAGES:
        claimed = records.claim(inspection_id, state, f"worker-{state}", 30)
        assert isinstance(claimed, Claimed)
        if state is stage:
            return claimed
        records.advance(claimed, state, NEXT[state])
    raise AssertionError(stage)


def go_on(records: WorkRecords, claim: Claimed, stage: State) -> None:
    if stage is State.INFERRED:
        records.finish_with_result(claim, stage, RESULT)
    else:
        records.advance(claim, stage, NEXT[stage])


def time_is_over(database: Database, inspection_id: str) -> None:
    database.execute(
        "UPDATE rvpxbverification_request_data SET expires_at = UTC_TIMESTAMP(6) WHERE inspection_id = %s",
        (inspection_id,),
    )


def whole(database: Database, inspection_id: str) -> dict[str, list[Row]]:
    """All that is known of an inspection."""
    return {
        table: database.all(f"SELECT * FROM {table} WHERE inspection_id = %s ORDER BY sequence", (inspection_id,))
        for table in (
            "rvpxbverification_request_data",
            "rvpxbverification",
            "rvpxbverification_fail",
            "inspection_events",
        )
    }


def state_of(database: Database, inspection_id: str) -> State:
    return State(whole(database, inspection_id)["rvpxbverification_request_data"][0]["state"])


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("end", ENDINGS)
def test_a_worker_that_holds_it_is_fenced_off(database: Database, stage: State, end: State) -> None:
    inspection_id, records = accepted(database), WorkRecords(database)
    late = claimed_in(database, inspection_id, stage)
    time_is_over(database, inspection_id)
    assert ENDINGS[end](database, inspection_id) in (True, end)
    ended, usage = whole(database, inspection_id), counted(database)
    assert [row["outcome"] for row in ended["rvpxbverification_fail"]] == [end.value]
    assert ended["inspection_events"][-1]["state"] == end.value
    with pytest.raises(LostLease):
        go_on(records, late, stage)
    with pytest.raises(LostLease):
        records.finish_with_failure(late, stage, State.ERROR, code="x", detail="y")
    assert not records.release(late)
    assert isinstance(records.claim(inspection_id, stage, "next", 30), NotClaimed)
    assert whole(database, inspection_id) == ended
    assert counted(database) == usage


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("end", ENDINGS)
def test_an_end_and_a_worker_at_the_same_moment(connect: Callable[[], Database], stage: State, end: State) -> None:
    """Whoever is first: one of them ends it or goes on, never both, and usage is settled once an end."""
    database = connect()
    rounds = 12
    ids = [accepted(database) for _ in range(rounds)]
    claims = [claimed_in(database, inspection_id, stage) for inspection_id in ids]
    database.execute("UPDATE rvpxbverification_request_data SET expires_at = UTC_TIMESTAMP(6)")
    ending, working = connect(), connect()
    for claim in claims:
        start = threading.Barrier(2)

        def bring_the_end(claim: Claimed = claim, start: threading.Barrier = start) -> bool:
            start.wait()
            return ENDINGS[end](ending, claim.inspection_id) in (True, end)

        def work(claim: Claimed = claim, start: threading.Barrier = start) -> bool:
            start.wait()
            try:
                go_on(WorkRecords(working), claim, stage)
            except LostLease:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            ended, worked = (each.result() for each in [pool.submit(bring_the_end), pool.submit(work)])
        # A step that was first is followed by the end, but for a verdict, which is the end.
        assert worked + ended == 1 if stage is State.INFERRED else ended
        known = whole(database, claim.inspection_id)
        ends = [*known["rvpxbverification"], *known["rvpxbverification_fail"]]
        state = state_of(database, claim.inspection_id)
        assert [row["outcome"] for row in ends] == [state.value]
        assert [row["state"] for row in known["inspection_events"]].count(state.value) == 1
    day, _, running = counted(database)
    ((_, accepted_units, refunded),) = history(database)
    assert (running, day) == (0, accepted_units - refunded)


def test_cancelled_by_many_at_once_has_one_end(connect: Callable[[], Database]) -> None:
    database = connect()
    inspection_id = accepted(database)
    start = threading.Barrier(5)

    def cancel(own: Database) -> State | None:
        start.wait()
        return Endings(own).cancel("client-a", inspection_id)

    with ThreadPoolExecutor(5) as pool:
        found = list(pool.map(cancel, [connect() for _ in range(5)]))
    assert found == [State.CANCELLED] * 5
    assert len(whole(database, inspection_id)["rvpxbverification_fail"]) == 1
    assert counted(database) == (0, 0, 0)
    assert history(database) == [("inspect", 1, 1)]


def test_cancelled_again_is_the_same(database: Database) -> None:
    inspection_id = accepted(database)
    assert Endings(database).cancel("client-a", inspection_id) is State.CANCELLED
    before = whole(database, inspection_id)
    assert Endings(database).cancel("client-a", inspection_id) is State.CANCELLED
    assert whole(database, inspection_id) == before


@pytest.mark.parametrize("outcome", ["passed", "failed", "review"])
def test_what_is_final_stays(database: Database, outcome: str) -> None:
    inspection_id = accepted(database)
    claim = claimed_in(database, inspection_id, State.INFERRED)
    WorkRecords(database).finish_with_result(claim, State.INFERRED, RESULT | {"outcome": outcome})
    time_is_over(database, inspection_id)
    before = whole(database, inspection_id)
    assert Endings(database).cancel("client-a", inspection_id) is State(outcome)
    assert not Endings(database).expire(inspection_id)
    assert Endings(database).overdue(10) == []
    assert whole(database, inspection_id) == before


def test_another_clients_is_unknown(database: Database) -> None:
    inspection_id = accepted(database)
    before = whole(database, inspection_id)
    assert Endings(database).cancel("client-b", inspection_id) is None
    assert Endings(database).cancel("client-a", "insp_unknown") is None
    assert whole(database, inspection_id) == before


@pytest.mark.parametrize(
    ("stage", "begun", "refunded"),
    [
        (State.ACCEPTED, False, 1),
        (State.ACCEPTED, True, 1),
        (State.PRECHECKED, False, 1),
        (State.PRECHECKED, True, 0),
        (State.INFERRED, False, 0),
        (State.INFERRED, True, 0),
    ],
)
def test_cancelled_is_refunded_until_the_model_is_asked(
    database: Database, stage: State, begun: bool, refunded: int
) -> None:
    inspection_id = accepted(database)
    before = {NEXT[state]: state for state in NEXT}
    if begun:
        claimed_in(database, inspection_id, stage)
    elif stage in before:
        claim = claimed_in(database, inspection_id, before[stage])
        WorkRecords(database).advance(claim, before[stage], stage)
    Endings(database).cancel("client-a", inspection_id)
    assert counted(database) == (1 - refunded, 1 - refunded, 0)
    assert history(database) == [("inspect", 1, refunded)]


@pytest.mark.parametrize("stage", STAGES)
def test_expired_is_refunded_always(database: Database, stage: State) -> None:
    inspection_id = accepted(database)
    claimed_in(database, inspection_id, stage)
    time_is_over(database, inspection_id)
    assert Endings(database).expire(inspection_id)
    assert counted(database) == (0, 0, 0)
    assert history(database) == [("inspect", 1, 1)]


def test_time_to_live_is_counted_by_the_databases_clock(database: Database) -> None:
    inspection_id = accepted(database, expires_in_s=600)
    row = database.one(
        "SELECT TIMESTAMPDIFF(MICROSECOND, accepted_at, expires_at) AS life_us FROM rvpxbverification_request_data"
    )
    assert row is not None
    assert row["life_us"] == pytest.approx(600_000_000, abs=1000)
    assert not Endings(database).expire(inspection_id)
    assert state_of(database, inspection_id) is State.ACCEPTED


@pytest.mark.parametrize("stage", STAGES)
def test_no_work_is_begun_on_an_expired_one(database: Database, stage: State) -> None:
    """Whichever stage's message comes, the worker that meets it brings its end."""
    inspection_id = accepted(database)
    claim = claimed_in(database, inspection_id, stage)
    assert WorkRecords(database).release(claim)
    time_is_over(database, inspection_id)

    def work(claimed: Claimed) -> Outcome:
        raise AssertionError("must not be begun")

    told: list[str] = []
    worker = StageWorker(
        takes=stage,
        work=work,
        records=WorkRecords(database),
        handover=Handover(database, both_lanes({state: InMemoryQueue() for state in STAGES})),
        settings=WorkerSettings(lease_s=30, max_attempts=5, notify_queue_url=""),
        on_final=told.append,
    )
    worker.run(inspection_id)
    assert state_of(database, inspection_id) is State.EXPIRED
    worker.run(inspection_id)
    assert told == [inspection_id]
    assert len(whole(database, inspection_id)["rvpxbverification_fail"]) == 1


def test_a_worker_that_was_cancelled_meanwhile_drops_what_it_found(connect: Callable[[], Database]) -> None:
    """The whole frame: the client cancels while the stage's work runs."""
    database, front = connect(), connect()
    for stage in STAGES:
        inspection_id = accepted(database)
        assert WorkRecords(database).release(claimed_in(database, inspection_id, stage))
        following = InMemoryQueue()

        def work(claimed: Claimed, stage: State = stage) -> Outcome:
            assert Endings(front).cancel("client-a", claimed.inspection_id) is State.CANCELLED
            return Judged(RESULT) if stage is State.INFERRED else Advanced(NEXT[stage])

        StageWorker(
            takes=stage,
            work=work,
            records=WorkRecords(database),
            handover=Handover(database, both_lanes(dict.fromkeys(STAGES, following))),
            settings=WorkerSettings(lease_s=30, max_attempts=5, notify_queue_url=""),
        ).run(inspection_id)
        assert state_of(database, inspection_id) is State.CANCELLED
        assert following.sent == []


def test_the_sweeper_ends_what_is_overdue_and_nothing_else(database: Database) -> None:
    overdue = [accepted(database) for _ in range(3)]
    living = [accepted(database), accepted(database)]
    database.execute(
        "UPDATE rvpxbverification_request_data SET expires_at = NULL WHERE inspection_id = %s", (living[1],)
    )
    claimed_in(database, overdue[1], State.PRECHECKED)
    for inspection_id in overdue:
        time_is_over(database, inspection_id)
    assert expire_overdue(Endings(database)) == 3
    assert expire_overdue(Endings(database)) == 0
    assert {state_of(database, each) for each in overdue} == {State.EXPIRED}
    assert FINAL.isdisjoint(state_of(database, each) for each in living)
    assert counted(database) == (2, 2, 2)


def test_overdue_longest_first_and_bounded(database: Database) -> None:
    ids = [accepted(database) for _ in range(4)]
    for age_s, inspection_id in zip((10, 30, 20, 40), ids, strict=True):
        database.execute(
            "UPDATE rvpxbverification_request_data SET expires_at = UTC_TIMESTAMP(6) - INTERVAL %s SECOND"
            " WHERE inspection_id = %s",
            (age_s, inspection_id),
        )
    assert Endings(database).overdue(3) == [ids[3], ids[1], ids[2]]
    assert AT_ONCE <= 1000
