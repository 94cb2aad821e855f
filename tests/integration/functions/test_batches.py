"""Batches over the real tables: limits, quotas, clients apart, and the routes."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from batches import app
from batches.accept import AcceptBatch
from batches.records import MOST_UNFINISHED, BatchRecords
from core.batches import results_key
from core.database import Database
from core.errors import IdempotencyConflict, Unavailable
from core.identifiers import new_identifier
from core.settings import DatabaseSettings
from core.usage import UsageRecords
from spread.batch_work import UnknownBatch
from tests.fakes.api_gateway import Answer, ask, rest_event
from tests.fakes.batch_world import BatchProgram, BatchWorld
from tests.fakes.batches import good_line, inline, manifest


@pytest.fixture
def world(settings: DatabaseSettings) -> Iterator[BatchWorld]:
    made = BatchWorld(settings)
    yield made
    made.run("UPDATE plans SET quota_day = NULL, concurrent = 200 WHERE plan = 'standard'")


@pytest.fixture
def program(world: BatchWorld) -> Iterator[BatchProgram]:
    opened = BatchProgram(world)
    yield opened
    opened.close()


@pytest.fixture
def route(world: BatchWorld, database: Database, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answer]:
    """Ask the batches function as somebody of a client."""
    records = BatchRecords(database)
    accept = AcceptBatch(records, world.objects, world.queue, inline)
    services = app.Services(database, records, UsageRecords(database), world.objects, world.queue, accept)
    monkeypatch.setattr(app, "services", lambda: services)
    return lambda method, path, **more: ask(app.app, rest_event(method, path, **more), database)


def limit(world: BatchWorld, **limits: int) -> None:
    for name, value in limits.items():
        world.run(f"UPDATE plans SET {name} = {value} WHERE plan = 'standard'")


def bring_to_its_end(world: BatchWorld, program: BatchProgram, rounds: int = 4) -> None:
    for _ in range(rounds):
        program.deliver()
        world.end_inspections()
        world.pass_time()


def codes(world: BatchWorld) -> dict[int, str | None]:
    return {row["line"]: row["code"] for row in world.rows("SELECT line, code FROM batch_items ORDER BY line")}


def test_bad_lines_are_items_and_stop_no_other(world: BatchWorld, program: BatchProgram) -> None:
    bad: list[tuple[Any, str]] = [
        ("{", "not_json"),
        ("", "not_json"),
        ([1], "invalid_request"),
        ({}, "invalid_request"),
        (good_line(extra=1), "invalid_request"),
        (good_line(checklist="nope"), "unknown_checklist"),
        (good_line(photos=[{"data": "AAAA"}] * 3), "invalid_photo"),
        (good_line(photos=[{"data": "no base64!"}] * 3), "invalid_photo"),
        (good_line(photos=good_line()["photos"] * 3), "photo_count"),
        (good_line(lane="interactive"), "invalid_request"),
    ]
    lines = [line for content, _ in bad for line in (content, good_line())]
    batch_id = program.post(manifest(lines))
    bring_to_its_end(world, program)
    expected = {2 * number + 1: code for number, (_, code) in enumerate(bad)}
    assert codes(world) == {line: expected.get(line) for line in range(1, 2 * len(bad) + 1)}
    details = world.rows("SELECT line, detail FROM batch_items WHERE code = 'invalid_request'")
    assert all(row["detail"].startswith(f"Line {row['line']}: ") for row in details)
    table = world.objects.objects[results_key("client-a", batch_id, "csv")].decode()
    assert [row["code"] for row in csv.DictReader(io.StringIO(table, newline=""))] == [
        code or "" for code in codes(world).values()
    ]
    assert {row["lane"] for row in world.rows("SELECT lane FROM rvpxbverification_request_data")} == {"bulk"}


def test_a_quota_that_is_used_up_is_told_by_the_lines_it_is_lacking_for(
    world: BatchWorld, program: BatchProgram
) -> None:
    limit(world, quota_day=2)
    program.post(manifest([good_line()] * 4))
    bring_to_its_end(world, program)
    assert codes(world) == {1: None, 2: None, 3: "quota_exceeded", 4: "quota_exceeded"}
    assert world.rows("SELECT state FROM batches") == [{"state": "finished"}]
    assert world.rows("SELECT day_count FROM client_usage WHERE client_id = 'client-a'") == [{"day_count": 2}]


def test_a_client_may_have_so_many_that_are_not_finished(
    world: BatchWorld, program: BatchProgram, route: Callable[..., Answer]
) -> None:
    body = {"manifest": manifest([good_line()])}
    world.run(
        "INSERT INTO batches (batch_id, client_id, request_hash, state, manifest_key, line_count, next_at, created_at,"
        " updated_at) SELECT CONCAT('batch_', number), 'client-a', REPEAT('x', 32), 'accepted', 'm', 1,"
        " UTC_TIMESTAMP(6), UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) FROM"
        f" (SELECT {' UNION SELECT '.join(str(each) + ' AS number' for each in range(MOST_UNFINISHED - 1))}) AS numbers"
    )
    assert route("POST", "/v1/batches", body=body).status == 202
    refused = route("POST", "/v1/batches", body=body)
    assert (refused.status, refused.json["code"]) == (429, "too_many_running")
    assert route("POST", "/v1/batches", body=body, client_id="client-b").status == 202
    world.run("UPDATE batches SET state = 'finished', finished_at = UTC_TIMESTAMP(6) WHERE batch_id = 'batch_0'")
    assert route("POST", "/v1/batches", body=body).status == 202


def test_it_waits_for_places_and_leaves_some(world: BatchWorld, program: BatchProgram) -> None:
    limit(world, concurrent=4)
    program.post(manifest([good_line()] * 7))
    program.deliver()
    assert len(codes(world)) == 3, "a quarter of the places is not its own"
    assert world.rows("SELECT state, lines_read FROM batches") == [{"state": "reading", "lines_read": 3}]
    assert world.queue.sent[-1][1] > 0
    for _ in range(3):
        world.run("UPDATE client_usage SET running = 0")
        world.pass_time()
        program.deliver()
    assert codes(world) == dict.fromkeys(range(1, 8))


def test_a_message_before_its_time_ends_there(world: BatchWorld, program: BatchProgram) -> None:
    """Or else a message that was sent twice would go round twice until the batch ends."""
    limit(world, concurrent=1)
    batch_id = program.post(manifest([good_line()] * 2))
    program.deliver()
    world.queue.send(batch_id, group="client-a")
    assert len(world.queue.sent) == 2
    program.deliver()
    assert world.queue.sent == []
    world.pass_time()
    program.sweep()
    assert world.queue.sent == [(batch_id, 0)]


def test_no_time_left_is_another_message(world: BatchWorld) -> None:
    times = iter([True, True, False])
    program = BatchProgram(world, more_time=lambda: next(times, False))
    program.post(manifest([good_line()] * 5))
    program.deliver()
    program.close()
    assert len(codes(world)) == 2
    assert [delay_s for _, delay_s in world.queue.sent] == [0]


def test_an_unknown_batch_is_poison(world: BatchWorld, program: BatchProgram) -> None:
    world.queue.send(new_identifier("batch"), group="client-a")
    with pytest.raises(UnknownBatch):
        program.deliver()


def test_one_key_is_one_batch(world: BatchWorld, program: BatchProgram) -> None:
    text = manifest([good_line()])
    first = program.post(text, key="k")
    assert program.post(text, key="k") == first
    assert program.post(text, client_id="client-b", key="k") != first
    assert program.post(text, key=None) != program.post(text, key=None)
    with pytest.raises(IdempotencyConflict):
        program.post(manifest([good_line(reference="x")]), key="k")
    stored = [key for key in world.objects.objects if first in key]
    assert stored == [f"batches/client-a/{first}/manifest.jsonl"]


def test_queue_away_is_accepted_and_swept_up(world: BatchWorld, program: BatchProgram) -> None:
    world.queue.away = True
    batch_id = program.post(manifest([good_line()]))
    world.queue.away = False
    program.sweep()
    assert world.queue.sent == [], "it is not late yet"
    world.pass_time()
    program.sweep()
    assert world.queue.sent == [(batch_id, 0)]


def test_what_is_under_way_is_cancelled_and_no_line_read_any_more(world: BatchWorld, program: BatchProgram) -> None:
    limit(world, concurrent=4)
    batch_id = program.post(manifest([good_line()] * 9))
    program.deliver()
    world.run("UPDATE rvpxbverification_request_data SET state = 'passed' WHERE state = 'accepted' LIMIT 1")
    assert program.records.cancel("client-b", batch_id) is False
    assert program.records.cancel("client-a", batch_id) is True
    assert program.records.cancel("client-a", batch_id) is False
    world.pass_time()
    assert world.ends_told == 0
    program.deliver()
    assert world.ends_told == 2, "once for all that were cancelled, once for the batch"
    states = world.rows("SELECT state FROM rvpxbverification_request_data ORDER BY state")
    assert [row["state"] for row in states] == ["cancelled", "cancelled", "passed"]
    (batch,) = world.rows("SELECT state, finished_at, lines_read FROM batches")
    assert (batch["state"], batch["lines_read"]) == ("cancelled", 3)
    assert batch["finished_at"] is not None
    assert len(world.objects.objects[results_key("client-a", batch_id, "jsonl")].splitlines()) == 3


def test_routes_of_a_batch(world: BatchWorld, program: BatchProgram, route: Callable[..., Answer]) -> None:
    text = manifest([good_line(custom_id="a"), "{", good_line(custom_id="c")])
    accepted = route("POST", "/v1/batches", body={"name": "night", "manifest": text})
    batch_id = accepted.json["id"]
    assert (accepted.status, accepted.headers["Location"]) == (202, f"/v1/batches/{batch_id}")
    assert (accepted.json["state"], accepted.json["progress"]) == ("accepted", 0.0)
    assert route("GET", f"/v1/batches/{batch_id}/results").json["code"] == "conflict"
    program.deliver()
    running = route("GET", f"/v1/batches/{batch_id}").json
    assert (running["state"], running["progress"]) == ("running", 0.3333)
    assert running["counts"] == {
        "lines": 3,
        "read": 3,
        "refused": 1,
        "unfinished": 2,
        "final": 0,
        "by_state": {"accepted": 2},
    }
    bring_to_its_end(world, program)
    finished = route("GET", f"/v1/batches/{batch_id}").json
    assert (finished["state"], finished["progress"], finished["counts"]["final"]) == ("finished", 1.0, 2)
    links = route("GET", f"/v1/batches/{batch_id}/results").json
    assert links["jsonl"].startswith(f"https://bucket.example/batches/client-a/{batch_id}/results.jsonl")
    assert route("POST", f"/v1/batches/{batch_id}/cancel").json["code"] == "already_final"
    lines = world.objects.objects[results_key("client-a", batch_id, "jsonl")].splitlines()
    assert [(line["line"], line["custom_id"]) for line in map(json.loads, lines)] == [(1, "a"), (2, None), (3, "c")]

    first = route("GET", f"/v1/batches/{batch_id}/items", query={"limit": "2"}).json
    rest = route("GET", f"/v1/batches/{batch_id}/items", query={"cursor": first["next_cursor"]}).json
    assert [item["state"] for item in first["items"] + rest["items"]] == ["passed", "refused", "passed"]
    refused = route("GET", f"/v1/batches/{batch_id}/items", query={"state": "refused"}).json["items"]
    assert [(item["line"], item["code"]) for item in refused] == [(2, "not_json")]
    passed = route("GET", f"/v1/batches/{batch_id}/items", query={"state": "passed"}).json["items"]
    assert [item["custom_id"] for item in passed] == ["a", "c"]
    assert route("GET", f"/v1/batches/{batch_id}/items", query={"state": "nonsense"}).status == 400


def test_pages_of_batches_are_ones_own(program: BatchProgram, route: Callable[..., Answer]) -> None:
    own = [program.post("{}", key=None) for _ in range(3)]
    other = program.post("{}", client_id="client-b", key=None)
    first = route("GET", "/v1/batches", query={"limit": "2"}).json
    rest = route("GET", "/v1/batches", query={"limit": "2", "cursor": first["next_cursor"]}).json
    assert [batch["id"] for batch in first["batches"] + rest["batches"]] == own[::-1]
    assert rest["next_cursor"] is None
    for path in ("", "/items", "/results"):
        unknown = route("GET", f"/v1/batches/{new_identifier('batch')}{path}")
        assert str(route("GET", f"/v1/batches/{other}{path}")) == str(unknown)
        assert unknown.status == 404
    assert route("POST", f"/v1/batches/{other}/cancel").status == 404


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"manifest": ""}, "invalid_request"),
        ({}, "invalid_request"),
        ({"manifest": "{}", "lines": 1}, "invalid_request"),
        ({"manifest": "{}", "name": ""}, "invalid_request"),
        ({"manifest": "{}", "upload_id": "upl_x"}, "invalid_request"),
        ({"url": "s3://bucket/key", "upload_id": "upl_x"}, "invalid_request"),
        ({"manifest": "{}\n" * 10_001}, "manifest_too_large"),
    ],
)
def test_requests_that_are_refused_whole(
    world: BatchWorld, route: Callable[..., Answer], body: dict[str, Any], code: str
) -> None:
    assert route("POST", "/v1/batches", body=body).json["code"] == code
    assert (world.objects.objects, world.queue.sent) == ({}, [])
    assert world.rows("SELECT * FROM batches") == []


def test_an_answer_is_given_even_if_the_database_goes_away_after_the_commit(
    world: BatchWorld, route: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Gone(BatchRecords):
        def find(self, client_id: str, batch_id: str) -> Any:
            raise Unavailable("The database is not reachable at the moment.")

    services = app.services()
    gone = app.Services(**{**vars(services), "records": Gone(services.database)})
    monkeypatch.setattr(app, "services", lambda: gone)
    answer = route("POST", "/v1/batches", body={"manifest": "{}"})
    assert (answer.status, answer.json["state"], answer.json["counts"]["lines"]) == (202, "accepted", 1)
    assert [row["batch_id"] for row in world.rows("SELECT batch_id FROM batches")] == [answer.json["id"]]
