"""The archive of results against a real server: what is final gets there once, whatever came in between."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from archive.catch_up import catch_up
from core.database import Database, Row
from core.errors import Unavailable
from core.result_archive import START, ResultArchive
from core.states import State
from core.work_records import Claimed, WorkRecords
from tests.fakes.hot_results import InMemoryResults
from tests.fakes.object_store import InMemoryStore
from tests.fakes.requests import RESULT, accepted


def ended(database: Database, *, client_id: str = "client-a", minutes_ago: int = 1) -> str:
    """A passed inspection."""
    inspection_id = accepted(database, client_id=client_id)
    database.execute(
        "UPDATE rvpxbverification_request_data SET state = 'inferred' WHERE inspection_id = %s", (inspection_id,)
    )
    work = WorkRecords(database)
    claimed = work.claim(inspection_id, State.INFERRED, "worker", 60)
    assert isinstance(claimed, Claimed)
    work.finish_with_result(claimed, State.INFERRED, RESULT)
    database.execute(
        "UPDATE rvpxbverification_request_data SET finished_at = finished_at - INTERVAL %s MINUTE"
        " WHERE inspection_id = %s",
        (minutes_ago, inspection_id),
    )
    return inspection_id


def row_of(database: Database, inspection_id: str) -> Row:
    row = database.one(
        "SELECT archived_at, finished_at FROM rvpxbverification_request_data WHERE inspection_id = %s", (inspection_id,)
    )
    assert row is not None
    return row


def key_of(database: Database, inspection_id: str, client_id: str = "client-a") -> str:
    return f"results/{client_id}/{row_of(database, inspection_id)['finished_at']:%Y/%m/%d}/{inspection_id}.json"


def due(archive: ResultArchive, remaining_ms: int = 60_000) -> tuple[int, int]:
    return catch_up(archive, after_s=10, remaining_ms=lambda: remaining_ms)


def test_what_is_final_is_archived_by_client_and_day(database: Database) -> None:
    store, hot = InMemoryStore(), InMemoryResults()
    mine, theirs = ended(database), ended(database, client_id="client-b", minutes_ago=60 * 24 * 40)
    under_way = accepted(database)
    assert due(ResultArchive(database, store, hot)) == (2, 0)
    assert set(store.objects) == {key_of(database, mine), key_of(database, theirs, "client-b")}
    document = json.loads(store.objects[key_of(database, mine)])
    assert (document["id"], document["state"], document["verdict"]["outcome"]) == (mine, "passed", "passed")
    assert hot.documents["client-a", mine] == store.objects[key_of(database, mine)]
    assert row_of(database, mine)["archived_at"] is not None
    assert row_of(database, under_way)["archived_at"] is None
    assert due(ResultArchive(database, store, hot)) == (0, 0)


def test_failures_are_results_too(database: Database) -> None:
    store = InMemoryStore()
    inspection_id = accepted(database)
    claimed = WorkRecords(database).claim(inspection_id, State.ACCEPTED, "worker", 60)
    assert isinstance(claimed, Claimed)
    WorkRecords(database).finish_with_failure(
        claimed, State.ACCEPTED, State.REJECTED, code="photos_unusable", detail="Photo 1: blurred."
    )
    ResultArchive(database, store, None).archive_at_once(inspection_id)
    (document,) = map(json.loads, store.objects.values())
    assert document["failure"] == {"code": "photos_unusable", "detail": "Photo 1: blurred."}


def test_at_once_leaves_alone_what_is_under_way(database: Database) -> None:
    store = InMemoryStore()
    ResultArchive(database, store, None).archive_at_once(accepted(database))
    assert store.objects == {}


def test_what_ended_a_moment_ago_is_left_to_whoever_ended_it(database: Database) -> None:
    inspection_id = ended(database, minutes_ago=0)
    store = InMemoryStore()
    archive = ResultArchive(database, store, None)
    assert due(archive) == (0, 0)
    archive.archive_at_once(inspection_id)
    assert list(store.objects) == [key_of(database, inspection_id)]


@pytest.mark.parametrize("part", ["bucket", "table"])
def test_part_that_is_away_leaves_no_mark_and_is_caught_up(database: Database, part: str) -> None:
    store, hot = InMemoryStore(), InMemoryResults()
    inspection_id = ended(database)
    archive = ResultArchive(database, store, hot)
    store.refused = {key_of(database, inspection_id)} if part == "bucket" else set()
    hot.away = part == "table"
    archive.archive_at_once(inspection_id)  # never raises: the inspection is final, whatever comes of its archiving
    with pytest.raises(Unavailable):
        due(archive)
    assert row_of(database, inspection_id)["archived_at"] is None
    store.refused, hot.away = set(), False
    assert due(archive) == (1, 0)
    assert (len(store.objects), len(hot.documents)) == (1, 1)


def test_again_after_a_crash_before_the_mark_writes_the_same(database: Database) -> None:
    store = InMemoryStore()
    inspection_id = ended(database)
    archive = ResultArchive(database, store, None)
    archive.archive_at_once(inspection_id)
    first = dict(store.objects)
    # The mark was lost, and the photos have gone meanwhile: the archive holds the inspection as it ended.
    database.execute(
        "UPDATE rvpxbverification_request_data SET archived_at = NULL, photos_deleted_at = UTC_TIMESTAMP(6)"
    )
    fresh = InMemoryStore()
    ResultArchive(database, fresh, None).archive_at_once(inspection_id)
    assert due(archive) == (0, 0)
    assert fresh.objects == store.objects == first


def test_what_can_not_be_shown_does_not_stand_in_the_way(database: Database, tamper: Callable[..., None]) -> None:
    store = InMemoryStore()
    bad, good = ended(database, minutes_ago=5), ended(database)
    tamper("UPDATE rvpxbverification SET answers = '[{}]' WHERE inspection_id = %s", (bad,))
    assert due(ResultArchive(database, store, None)) == (1, 1)
    assert list(store.objects) == [key_of(database, good)]


def test_portions_end_with_time_and_go_on_where_they_stood(database: Database) -> None:
    store = InMemoryStore()
    ids = [ended(database) for _ in range(5)]
    database.execute("UPDATE rvpxbverification_request_data SET finished_at = '2026-01-01 00:00:00'")
    archive = ResultArchive(database, store, None)
    assert due(archive, remaining_ms=1_000) == (0, 0)
    first = archive.archive_due(after_s=10, beyond=START, limit=2)
    assert first.archived == 2
    assert first.beyond is not None
    second = archive.archive_due(after_s=10, beyond=first.beyond, limit=3)
    assert (second.archived, len(store.objects)) == (3, len(ids))


def test_two_at_once_do_no_harm(connect: Callable[[], Database], capsys: pytest.CaptureFixture[str]) -> None:
    store = InMemoryStore()
    ids = [ended(connect()) for _ in range(10)]
    start = Barrier(2)

    def archive_all(database: Database) -> tuple[int, int]:
        start.wait()
        return due(ResultArchive(database, store, None))

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(archive_all, [connect(), connect()]))
    assert all(failed == 0 for _, failed in done)
    assert len(store.objects) == len(ids)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted(line["inspection_id"] for line in lines if "InspectionsFinal" in line) == sorted(ids)


def test_each_end_is_counted_once_and_not_before_it_is_archived(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    store = InMemoryStore()
    inspection_id = ended(database)
    archive = ResultArchive(database, store, None)
    store.refused = {key_of(database, inspection_id)}
    archive.archive_at_once(inspection_id)
    assert capsys.readouterr().out == ""
    store.refused = set()
    archive.archive_at_once(inspection_id)
    archive.archive_at_once(inspection_id)
    ends, timing = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (ends["Outcome"], ends["client_id"], ends["inspection_id"]) == ("passed", "client-a", inspection_id)
    assert (timing["Lane"], timing["InspectionsLate"]) == ("interactive", [0.0])


def test_what_was_held_is_counted_and_not_measured(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    inspection_id = ended(database)
    database.execute("UPDATE rvpxbverification_request_data SET released_at = UTC_TIMESTAMP(6)")
    ResultArchive(database, InMemoryStore(), None).archive_at_once(inspection_id)
    (ends,) = capsys.readouterr().out.splitlines()
    assert json.loads(ends)["Outcome"] == "passed"
