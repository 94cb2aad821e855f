"""The workers' side: one claims, a lease runs out, a late writer is fenced off."""

import threading
import time
from collections.abc import Callable

import pytest

from core.database import Database
from core.handover import Handover
from core.settings import WorkerSettings
from core.states import State
from core.work_records import Claimed, LostLease, NotClaimed, WorkRecords
from core.worker import Judged, StageWorker
from tests.fakes.queues import InMemoryQueue, both_lanes
from tests.fakes.requests import RESULT, accepted

ROW = "SELECT * FROM rvpxbverification_request_data WHERE inspection_id = %s"


def claim(records: WorkRecords, inspection_id: str, state: State = State.ACCEPTED, owner: str = "a") -> Claimed:
    claimed = records.claim(inspection_id, state, owner, 30)
    assert isinstance(claimed, Claimed)
    return claimed


def expire_leases(database: Database) -> None:
    database.execute("UPDATE rvpxbverification_request_data SET lease_until = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND")


def to_inferred(records: WorkRecords, inspection_id: str) -> None:
    records.advance(claim(records, inspection_id), State.ACCEPTED, State.PRECHECKED)
    records.advance(claim(records, inspection_id, State.PRECHECKED), State.PRECHECKED, State.INFERRED)


def count(database: Database, table: str) -> int:
    row = database.one(f"SELECT COUNT(*) AS rows_ FROM {table}")
    assert row is not None
    found: int = row["rows_"]
    return found


def test_claim_tells_what_is_to_be_done(database: Database) -> None:
    inspection_id = accepted(database)
    claimed = claim(WorkRecords(database), inspection_id)
    assert (claimed.inspection_id, claimed.client_id, claimed.owner, claimed.attempt) == (
        inspection_id,
        "client-a",
        "a",
        1,
    )
    assert (claimed.checklist, claimed.checklist_version, claimed.item) == (
        "reverse-pickup",
        1,
        {"description": "red shoe"},
    )
    assert [photo["index"] for photo in claimed.photos] == [0, 1, 2]
    assert claimed.elapsed_ms == {}


def test_held_and_past_and_unknown_are_not_claimed(database: Database) -> None:
    records, inspection_id = WorkRecords(database), accepted(database)
    assert records.claim(inspection_id, State.PRECHECKED, "b", 30) == NotClaimed(State.ACCEPTED, False, "client-a")
    claim(records, inspection_id)
    assert records.claim(inspection_id, State.ACCEPTED, "b", 30) == NotClaimed(State.ACCEPTED, False, "client-a")
    assert records.claim("insp_unknown", State.ACCEPTED, "b", 30) == NotClaimed(None, False)


def test_lease_runs_out_by_the_databases_clock(database: Database) -> None:
    records, inspection_id = WorkRecords(database), accepted(database)
    assert isinstance(records.claim(inspection_id, State.ACCEPTED, "a", 1), Claimed)
    assert isinstance(records.claim(inspection_id, State.ACCEPTED, "b", 1), NotClaimed)
    time.sleep(1.05)
    again = records.claim(inspection_id, State.ACCEPTED, "b", 30)
    assert isinstance(again, Claimed)
    assert again.attempt == 2


def test_late_writer_is_fenced_off(database: Database) -> None:
    records, inspection_id = WorkRecords(database), accepted(database)
    to_inferred(records, inspection_id)
    late = claim(records, inspection_id, State.INFERRED, "late")
    expire_leases(database)
    claim(records, inspection_id, State.INFERRED, "next")
    before = database.one(ROW, (inspection_id,))
    with pytest.raises(LostLease):
        records.finish_with_result(late, State.INFERRED, RESULT)
    with pytest.raises(LostLease):
        records.finish_with_failure(late, State.INFERRED, State.ERROR, code="x", detail="y")
    assert not records.release(late)
    assert database.one(ROW, (inspection_id,)) == before
    assert count(database, "rvpxbverification") == count(database, "rvpxbverification_fail") == 0


def test_late_writer_after_the_end_changes_nothing(database: Database) -> None:
    records, inspection_id = WorkRecords(database), accepted(database)
    to_inferred(records, inspection_id)
    late = claim(records, inspection_id, State.INFERRED, "late")
    expire_leases(database)
    records.finish_with_result(claim(records, inspection_id, State.INFERRED, "next"), State.INFERRED, RESULT)
    before = database.one(ROW, (inspection_id,))
    with pytest.raises(LostLease):
        records.finish_with_failure(late, State.INFERRED, State.ERROR, code="x", detail="y")
    assert database.one(ROW, (inspection_id,)) == before
    assert (count(database, "rvpxbverification"), count(database, "rvpxbverification_fail")) == (1, 0)


def test_late_advance_is_fenced_off(database: Database) -> None:
    records, inspection_id = WorkRecords(database), accepted(database)
    late = claim(records, inspection_id, owner="late")
    expire_leases(database)
    records.advance(claim(records, inspection_id, owner="next"), State.ACCEPTED, State.PRECHECKED)
    with pytest.raises(LostLease):
        records.advance(late, State.ACCEPTED, State.PRECHECKED, photos=[])
    row = database.one(ROW, (inspection_id,))
    assert row is not None
    assert (row["state"], row["photos"] == "[]") == ("prechecked", False)


@pytest.mark.parametrize("end", [State.INFERRED, State.PASSED, State.ACCEPTED])
def test_steps_that_there_are_not(database: Database, end: State) -> None:
    records, inspection_id = WorkRecords(database), accepted(database)
    with pytest.raises(ValueError, match="does not lead"):
        records.advance(claim(records, inspection_id), State.ACCEPTED, end)


def test_a_step_opens_the_next_stage(database: Database) -> None:
    records, inspection_id = WorkRecords(database), accepted(database)
    records.advance(claim(records, inspection_id), State.ACCEPTED, State.PRECHECKED, photos=[{"index": 0}])
    claimed = claim(records, inspection_id, State.PRECHECKED)
    assert (claimed.attempt, claimed.photos) == (1, [{"index": 0}])
    assert set(claimed.elapsed_ms) == {"prechecked"}


def test_what_was_not_attempted_is_not_counted(database: Database) -> None:
    records, inspection_id = WorkRecords(database), accepted(database)
    attempts = []
    for counted in (True, False, False, True):
        claimed = claim(records, inspection_id)
        attempts.append(claimed.attempt)
        assert records.release(claimed, counted=counted)
    assert attempts == [1, 2, 2, 2]


def test_a_claim_knows_the_deadline_and_the_time_waited(database: Database) -> None:
    records = WorkRecords(database)
    assert claim(records, accepted(database)).left_s is None
    inspection_id = accepted(database, deadline_ms=60_000)
    claimed = claim(records, inspection_id)
    assert claimed.left_s is not None
    assert 50 < claimed.left_s <= 60
    assert 0 <= claimed.waited_s < 10
    records.advance(claimed, State.ACCEPTED, State.PRECHECKED)
    database.execute(
        "UPDATE rvpxbverification_request_data SET deadline_at = deadline_at - INTERVAL 1 HOUR,"
        " accepted_at = accepted_at - INTERVAL 1 DAY, prechecked_at = prechecked_at - INTERVAL 1 HOUR"
    )
    late = claim(records, inspection_id, State.PRECHECKED)
    assert late.left_s is not None
    assert late.left_s < -3530
    assert 3600 <= late.waited_s < 3610


def test_the_endpoints_time_is_measured_by_the_databases_clock(database: Database) -> None:
    records, inspection_id = WorkRecords(database), accepted(database)
    records.advance(claim(records, inspection_id), State.ACCEPTED, State.PRECHECKED)
    claimed = claim(records, inspection_id, State.PRECHECKED)
    database.execute("UPDATE rvpxbverification_request_data SET claimed_at = claimed_at - INTERVAL 2 SECOND")
    records.advance(claimed, State.PRECHECKED, State.INFERRED)
    row = database.one(ROW, (inspection_id,))
    assert row is not None
    assert 2000 <= row["service_ms"] < 4000


def test_released_may_be_claimed_at_once(database: Database) -> None:
    records, inspection_id = WorkRecords(database), accepted(database)
    assert records.release(claim(records, inspection_id))
    assert claim(records, inspection_id, owner="b").attempt == 2


@pytest.mark.parametrize("detail", ["short", "ä" * 3000])
def test_failure_is_kept_with_its_reason(database: Database, detail: str) -> None:
    records, inspection_id = WorkRecords(database), accepted(database)
    records.finish_with_failure(
        claim(records, inspection_id), State.ACCEPTED, State.REJECTED, code="photos_unusable", detail=detail
    )
    row = database.one("SELECT * FROM rvpxbverification_fail WHERE inspection_id = %s", (inspection_id,))
    assert row is not None
    assert (row["outcome"], row["code"], row["detail"], row["client_id"]) == (
        "rejected",
        "photos_unusable",
        detail[:1000],
        "client-a",
    )


def test_delivered_five_times_at_once_is_done_once(connect: Callable[[], Database]) -> None:
    database = connect()
    inspection_id = accepted(database)
    to_inferred(WorkRecords(database), inspection_id)
    worked: list[str] = []
    start = threading.Barrier(5)

    def work(claimed: Claimed) -> Judged:
        worked.append(claimed.owner)
        time.sleep(0.05)
        return Judged(RESULT)

    def deliver(own: Database) -> None:
        worker = StageWorker(
            takes=State.INFERRED,
            work=work,
            records=WorkRecords(own),
            handover=Handover(own, both_lanes({State.INFERRED: InMemoryQueue()})),
            settings=WorkerSettings(lease_s=30, max_attempts=5, notify_queue_url=""),
        )
        start.wait()
        worker.run(inspection_id)

    threads = [threading.Thread(target=deliver, args=(connect(),)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(worked) == 1
    assert (count(database, "rvpxbverification"), count(database, "rvpxbverification_fail")) == (1, 0)
