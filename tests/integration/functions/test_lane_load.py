"""A lane's load on a real database: what is counted, and what is not."""

from datetime import UTC, datetime, timedelta

from core.database import Database
from core.lane_load import Position
from core.lanes import Lane
from core.states import State
from core.work_records import Claimed, WorkRecords
from tests.fakes.lane_load import lane_load
from tests.fakes.requests import accepted


def prechecked(database: Database, **changes: object) -> str:
    records, inspection_id = WorkRecords(database), accepted(database, **changes)
    records.advance(claim(records, inspection_id, State.ACCEPTED), State.ACCEPTED, State.PRECHECKED)
    return inspection_id


def claim(records: WorkRecords, inspection_id: str, state: State) -> Claimed:
    claimed = records.claim(inspection_id, state, "worker", 30)
    assert isinstance(claimed, Claimed)
    return claimed


def served(database: Database, *service_s: float) -> None:
    """Inspections that the endpoint has answered, each after so many seconds."""
    records = WorkRecords(database)
    for seconds in service_s:
        inspection_id = prechecked(database)
        claimed = claim(records, inspection_id, State.PRECHECKED)
        records.advance(claimed, State.PRECHECKED, State.INFERRED)
        database.execute(
            "UPDATE rvpxbverification_request_data SET service_ms = %s WHERE inspection_id = %s",
            (seconds * 1000, inspection_id),
        )


def position(database: Database, inspection_id: str, client_id: str = "client-a") -> Position:
    return lane_load(database).position(inspection_id, client_id, Lane.INTERACTIVE)


def test_what_stands_before_it(database: Database) -> None:
    records = WorkRecords(database)
    for _ in range(2):
        claim(records, prechecked(database), State.PRECHECKED)
    claim(records, accepted(database), State.ACCEPTED)  # a pre-check holds no place at the endpoint
    prechecked(database)
    accepted(database, lane=Lane.BULK)
    held = accepted(database)
    database.execute(
        "UPDATE rvpxbverification_request_data SET held_until = UTC_TIMESTAMP(6) + INTERVAL 1 HOUR"
        " WHERE inspection_id = %s",
        (held,),
    )
    mine = accepted(database)
    for _ in range(3):
        accepted(database)
    found = position(database, mine)
    assert (found.places, found.running, found.before) == (15, 2, 2)
    assert (found.service_s, found.begins_at) == (None, None)


def test_a_worker_that_died_runs_no_more(database: Database) -> None:
    claim(WorkRecords(database), prechecked(database), State.PRECHECKED)
    database.execute("UPDATE rvpxbverification_request_data SET lease_until = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND")
    found = position(database, accepted(database))
    assert (found.running, found.before) == (0, 1)


def test_service_is_the_median_of_the_last_ones(database: Database) -> None:
    served(database, 9, 1, 2, 3, 40)
    database.execute(
        "UPDATE rvpxbverification_request_data SET inferred_at = inferred_at - INTERVAL 25 HOUR"
        " ORDER BY sequence LIMIT 1"
    )
    found = position(database, accepted(database))
    assert found.service_s == 2.5
    assert found.now is not None
    assert abs(found.now - datetime.now(UTC)) < timedelta(minutes=1)
