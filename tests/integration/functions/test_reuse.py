"""Reusing an earlier verdict against a real server: when, and that results and counts stay what they must be."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

import pytest

from core.database import Database, Row
from core.errors import QuotaExceeded
from core.inspection_records import InspectionRecords
from core.presentation import present
from core.reuse import content_hash
from core.states import State
from core.work_records import Claimed, WorkRecords
from sweeper.stuck_records import StuckRecords
from tests.fakes.inspections import photo_entry
from tests.fakes.requests import RESULT, new_request

PHOTOS = [photo_entry(index, index) for index in range(3)]
CONTENT = content_hash("reverse-pickup", 1, {"description": "red shoe"}, PHOTOS)
MEASURED = [{**photo, "quality": None, "width": 801} for photo in PHOTOS]


@pytest.fixture(autouse=True)
def reusing(database: Database) -> None:
    database.execute("UPDATE clients SET reuse_window_s = 3600 WHERE client_id <> 'client-c'")


def ask(database: Database, *, content: bytes | None = CONTENT, **changes: Any) -> tuple[str, str | None]:
    """A new request: (its id, the inspection whose verdict it took)."""
    request = new_request(content_hash=content, photos=PHOTOS, **changes)
    return request.inspection_id, InspectionRecords(database).add(request)


def judge(database: Database, inspection_id: str, *, digest: str = "d", minutes_ago: int = 1, **result: Any) -> None:
    """The model's own verdict."""
    database.execute(
        "UPDATE rvpxbverification_request_data SET state = 'inferred', photos = %s WHERE inspection_id = %s",
        (json.dumps(MEASURED), inspection_id),
    )
    work = WorkRecords(database)
    claimed = work.claim(inspection_id, State.INFERRED, "worker", 60)
    assert isinstance(claimed, Claimed)
    model = {"name": "m", "version": "1", "digest": digest}
    counts = {"usage_counts": {"photos": 3}, "timings_ms": {"prefill": 9.0}}
    work.finish_with_result(claimed, State.INFERRED, RESULT | {"model": model} | counts | result)
    database.execute(
        "UPDATE rvpxbverification_request_data SET finished_at = finished_at - INTERVAL %s MINUTE"
        " WHERE inspection_id = %s",
        (minutes_ago, inspection_id),
    )


def judged(database: Database, **how: Any) -> str:
    inspection_id, origin = ask(
        database, content=how.pop("content", CONTENT), client_id=how.pop("client_id", "client-a")
    )
    assert origin is None
    judge(database, inspection_id, **how)
    return inspection_id


def found(database: Database, inspection_id: str, client_id: str = "client-a") -> Row:
    row = InspectionRecords(database).find(client_id, inspection_id)
    assert row is not None
    return row


def counted(database: Database) -> tuple[int, int]:
    row = database.one("SELECT day_count, running FROM client_usage WHERE client_id = 'client-a'")
    assert row is not None
    return row["day_count"], row["running"]


@pytest.mark.parametrize("outcome", ["passed", "failed", "review"])
def test_earlier_verdict_is_taken_at_once(database: Database, outcome: str) -> None:
    first = judged(database, outcome=outcome, reasons=["because"])
    second, origin = ask(database, reference="another waybill")
    assert origin == first
    before, after = present(found(database, first)), present(found(database, second))
    assert (after.state, after.final, after.reused_from, after.reference) == (outcome, True, first, "another waybill")
    assert before.verdict is not None
    assert after.verdict is not None
    assert after.verdict.model_copy(update={"usage": before.verdict.usage}) == before.verdict
    # No model worked for it.
    assert after.verdict.usage == {}
    assert list(after.timings_ms) == ["total"]
    assert [photo.width for photo in after.photos] == [801, 801, 801]


def test_it_is_noted_and_counted_as_any_other(database: Database) -> None:
    judged(database)
    second, _ = ask(database)
    events = database.all(
        "SELECT state, code FROM inspection_events WHERE inspection_id = %s ORDER BY sequence", (second,)
    )
    assert [(row["state"], row["code"]) for row in events] == [("accepted", None), ("passed", "reused")]
    assert counted(database) == (2, 0)


def test_outside_the_service_hours_as_well(database: Database) -> None:
    first = judged(database)
    second, origin = ask(database, held_until=datetime(2100, 1, 1, tzinfo=UTC))
    assert origin == first
    shown = present(found(database, second))
    assert (shown.final, shown.held_until) == (True, None)
    assert counted(database) == (2, 0)


def test_quota_holds_for_it(database: Database) -> None:
    judged(database)
    database.execute("UPDATE plans SET quota_day = 1 WHERE plan = 'standard'")
    try:
        with pytest.raises(QuotaExceeded):
            ask(database)
    finally:
        database.execute("UPDATE plans SET quota_day = NULL WHERE plan = 'standard'")
    assert counted(database) == (1, 0)
    assert len(database.all("SELECT inspection_id FROM rvpxbverification")) == 1


def test_window_counts_from_the_look_at_the_photos(database: Database) -> None:
    first = judged(database, minutes_ago=59)
    copy, origin = ask(database)
    assert origin == first
    database.execute(
        "UPDATE rvpxbverification_request_data SET finished_at = finished_at - INTERVAL 2 MINUTE"
        " WHERE inspection_id = %s",
        (first,),
    )
    assert ask(database)[1] is None, f"{copy} is a copy and must not lengthen the window"


def test_not_for_a_client_without_a_window(database: Database) -> None:
    judged(database, client_id="client-c")
    assert ask(database, client_id="client-c")[1] is None


def test_not_another_parcels_where_photos_are_compared(database: Database) -> None:
    first, _ = ask(database, reference="A")
    judge(database, first)
    assert ask(database, reference="B")[1] == first
    database.execute("UPDATE clients SET photo_match_window_s = 3600")
    assert ask(database, reference="B")[1] is None
    assert [ask(database, reference=reference)[1] for reference in ("A", None)] == [first, first]


def test_not_another_clients(database: Database) -> None:
    judged(database, client_id="client-b")
    assert ask(database)[1] is None


def test_not_without_or_with_other_content(database: Database) -> None:
    judged(database)
    assert ask(database, content=None)[1] is None
    assert ask(database, content=bytes(32))[1] is None


def test_content_is_photos_in_order_item_and_checklist() -> None:
    item = {"description": "red shoe"}
    assert content_hash("reverse-pickup", 1, item, PHOTOS) == CONTENT
    renamed = [{**photo, "name": "front.jpg"} for photo in PHOTOS]
    assert content_hash("reverse-pickup", 1, item, renamed) == CONTENT
    others = {
        content_hash("reverse-pickup", 1, item, PHOTOS[::-1]),
        content_hash("reverse-pickup", 1, item, PHOTOS[:2]),
        content_hash("reverse-pickup", 1, {"description": "red shoes"}, PHOTOS),
        content_hash("reverse-pickup", 2, item, PHOTOS),
        content_hash("other", 1, item, PHOTOS),
    }
    assert len(others | {CONTENT}) == 6


@pytest.mark.parametrize("state", [State.REJECTED, State.ERROR])
def test_failures_are_not_reused(database: Database, state: State) -> None:
    inspection_id, _ = ask(database)
    work = WorkRecords(database)
    claimed = work.claim(inspection_id, State.ACCEPTED, "worker", 60)
    assert isinstance(claimed, Claimed)
    work.finish_with_failure(claimed, State.ACCEPTED, state, code="x", detail="x")
    assert ask(database)[1] is None


def test_only_the_model_that_is_served_now(database: Database) -> None:
    judged(database, digest="old")
    newer = judged(database, digest="new", content=bytes(32), client_id="client-b")
    assert ask(database)[1] is None
    # A copy that commits late says nothing of the model that is served.
    database.execute(
        "INSERT INTO rvpxbverification (inspection_id, client_id, outcome, answers, reasons, model, served_by,"
        " usage_counts, timings_ms, reused_from, created_at) SELECT 'insp_late', client_id, outcome, answers, reasons,"
        " JSON_SET(model, '$.digest', 'old'), served_by, usage_counts, timings_ms, 'insp_x', created_at"
        " FROM rvpxbverification WHERE inspection_id = %s",
        (newer,),
    )
    assert ask(database)[1] is None


def test_back_to_an_earlier_model(database: Database) -> None:
    first = judged(database, digest="old")
    judged(database, digest="new", content=bytes(32))
    judged(database, digest="old", content=bytes([1] * 32))
    assert ask(database)[1] == first


def test_equal_requests_at_once(connect: Callable[[], Database]) -> None:
    database = connect()
    start = Barrier(10)

    def at_once(database: Database) -> tuple[str, str | None]:
        start.wait()
        return ask(database)

    with ThreadPoolExecutor(10) as pool:
        firsts = list(pool.map(at_once, [connect() for _ in range(10)]))
    # None of them was judged yet: each goes its own way, and each has its own verdict.
    assert {origin for _, origin in firsts} == {None}
    for inspection_id, _ in firsts:
        judge(database, inspection_id)
    with ThreadPoolExecutor(10) as pool:
        seconds = list(pool.map(at_once, [connect() for _ in range(10)]))
    assert {origin for _, origin in seconds} <= {inspection_id for inspection_id, _ in firsts}
    results = database.all("SELECT inspection_id FROM rvpxbverification")
    assert sorted(row["inspection_id"] for row in results) == sorted(each for each, _ in firsts + seconds)
    assert counted(database) == (20, 0)


def test_the_sweeper_and_workers_leave_it_alone(database: Database) -> None:
    judged(database)
    second, _ = ask(database)
    database.execute("UPDATE rvpxbverification_request_data SET updated_at = updated_at - INTERVAL 1 DAY")
    assert StuckRecords(database).stuck(after_s=1, lost_after_s=1, limit=9) == []
    assert not isinstance(WorkRecords(database).claim(second, State.ACCEPTED, "worker", 60), Claimed)
