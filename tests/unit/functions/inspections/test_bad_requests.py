"""Every bad input through the real resolver: problem+json with its code, field and status, and nothing stored."""

import base64
import json
from dataclasses import dataclass
from typing import Any

import pytest

from core import front_door
from core.accept import Accept
from core.contract import Inspection, Problem
from core.erasure import Erasure
from core.handover import Handover
from core.outward import Outward
from core.photo_buckets import PhotoBuckets
from core.photo_sources import PhotoSources
from core.states import State
from core.uploads import PhotoUploads
from inspections import app
from inspections.services import Services
from tests.fakes.api_gateway import Answer, FakeContext, ask, read_answer, rest_event
from tests.fakes.database import FakeDatabase
from tests.fakes.inspections import request_body
from tests.fakes.lane_load import lane_load
from tests.fakes.object_store import InMemoryStore
from tests.fakes.photos import bomb, photo
from tests.fakes.queues import InMemoryQueue, both_lanes
from tests.fakes.records import InMemoryRecords
from tests.fakes.s3_client import InMemoryS3, photo_uploads
from tests.fakes.service import always_open
from tests.fakes.usage import FixedUsage

PATH = "/v1/inspections"
UNKNOWN = "insp_x36c5gythfksieuflytei6iif3"


@dataclass
class Gateway:
    """The front's resolver over fakes."""

    records: InMemoryRecords
    store: InMemoryStore
    queue: InMemoryQueue

    def call(self, method: str, path: str = PATH, *, context: FakeContext | None = None, **parts: Any) -> Answer:
        headers = {"Prefer": "respond-async"} | parts.pop("headers", {})
        event = rest_event(method, path, headers=headers, **parts)
        return read_answer(front_door.answer(app.app, event, context or FakeContext(), FakeDatabase()))

    def post(self, body: Any = None, **parts: Any) -> Answer:
        return self.call("POST", body=request_body() if body is None else body, **parts)

    def stored(self) -> tuple[int, int, int]:
        """How many rows, objects and messages there are."""
        return len(self.records.added), len(self.store.objects), len(self.queue.sent)


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Gateway:
    records, store, queue = InMemoryRecords(), InMemoryStore(), InMemoryQueue()
    sources = PhotoSources(PhotoUploads(InMemoryS3(), "bucket"), PhotoBuckets(InMemoryS3(), (), ""), Outward())
    accept = Accept(
        records, store, Handover(FakeDatabase(), both_lanes({State.ACCEPTED: queue})), always_open(), sources
    )
    database = FakeDatabase()
    services = Services(
        database,
        records,
        FixedUsage(),
        accept,
        Erasure(database, store),
        always_open(),
        lane_load(database),
        photo_uploads(),
    )
    monkeypatch.setattr(app, "services", lambda: services)
    return Gateway(records, store, queue)


def check_problem(answer: Answer, status: int, code: str, field: str | None) -> None:
    assert (answer.status, answer.content_type) == (status, "application/problem+json")
    problem = Problem.model_validate_json(answer.text)
    assert (problem.status, problem.code, problem.field) == (status, code, field)
    assert problem.type == f"urn:scrutineer:problem:{code}"
    assert problem.detail
    assert len(answer.text) < 10_000
    for leak in ("Traceback", ".py", "pydantic", "input_value"):
        assert leak not in answer.text


def photos(*texts: str) -> dict[str, Any]:
    return request_body(photos=[{"data": text} for text in texts])


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


GOOD = encoded(photo())
BODIES: dict[str, tuple[Any, int, str, str | None]] = {
    "not JSON": ("{", 400, "not_json", None),
    "a word": ("hello", 400, "not_json", None),
    "nested without end": ('{"a":' * 100_000, 400, "not_json", None),
    "a list of one": ([request_body()], 400, "invalid_request", "body"),
    "empty": ("", 400, "invalid_request", "body"),
    "null": ("null", 400, "invalid_request", "body"),
    "a list": ([], 400, "invalid_request", "body"),
    "a text": ('"x"', 400, "invalid_request", "body"),
    "no members": ({}, 400, "invalid_request", "checklist"),
    "unknown field": (request_body(priority=1), 400, "invalid_request", "priority"),
    "unknown field inside": (request_body(item={"description": "x", "price": 3}), 400, "invalid_request", "item.price"),
    "unknown field of a photo": (
        request_body(photos=[{"data": GOOD, "path": "/etc/passwd"}] * 3),
        400,
        "invalid_request",
        "photos[0].path",
    ),
    "photo from nowhere": (request_body(photos=[{}] * 3), 400, "invalid_request", "photos[0]"),
    "photo of nulls": (request_body(photos=[{"data": None, "url": None}] * 3), 400, "invalid_request", "photos[0]"),
    "photo from two places": (
        request_body(photos=[{"data": GOOD, "url": "https://a.example/"}] * 3),
        400,
        "invalid_request",
        "photos[0].url",
    ),
    "photo from two other places": (
        request_body(photos=[{"data": GOOD, "upload_id": "upl_x"}] * 3),
        400,
        "invalid_request",
        "photos[0].upload_id",
    ),
    "photo from three places": (
        request_body(photos=[{"data": GOOD, "upload_id": "upl_x", "url": "https://a.example/"}] * 3),
        400,
        "invalid_request",
        "photos[0].upload_id",
    ),
    "endless address": (
        request_body(photos=[{"url": "https://a.example/" + "a" * 2000}] * 3),
        400,
        "invalid_request",
        "photos[0].url",
    ),
    "upload of another form": (
        request_body(photos=[{"data": GOOD}, {"upload_id": "../x"}, {"data": GOOD}]),
        400,
        "unknown_upload",
        "photos[1].upload_id",
    ),
    "address inside": (
        request_body(photos=[{"data": GOOD}, {"data": GOOD}, {"url": "https://169.254.169.254/latest"}]),
        400,
        "unsafe_address",
        "photos[2].url",
    ),
    "address over http": (
        request_body(photos=[{"url": "http://photos.example.com/a.jpg"}] * 3),
        400,
        "unsafe_address",
        "photos[0].url",
    ),
    "file": (request_body(photos=[{"url": "file:///etc/passwd"}] * 3), 400, "unsafe_address", "photos[0].url"),
    "bucket of nobody": (request_body(photos=[{"url": "s3://b/a"}] * 3), 400, "unsafe_address", "photos[0].url"),
    "item of another type": (request_body(item="shoe"), 400, "invalid_request", "item"),
    "item without description": (request_body(item={}), 400, "invalid_request", "item.description"),
    "empty description": (request_body(item={"description": ""}), 400, "invalid_request", "item.description"),
    "endless description": (request_body(item={"description": "x" * 501}), 400, "invalid_request", "item.description"),
    "half a character": (request_body(reference="\ud800"), 400, "invalid_request", "reference"),
    "endless reference": (request_body(reference="x" * 101), 400, "invalid_request", "reference"),
    "too many attributes": (
        request_body(item={"description": "x", "attributes": {f"a{n}": "b" for n in range(21)}}),
        400,
        "invalid_request",
        "item.attributes",
    ),
    "no photos": (request_body(photos=[]), 400, "invalid_request", "photos"),
    "no photos member": ({key: request_body()[key] for key in ("item", "checklist")}, 400, "invalid_request", "photos"),
    "2 photos": (photos(GOOD, GOOD), 400, "photo_count", "photos"),
    "7 photos": (photos(*[GOOD] * 7), 400, "photo_count", "photos"),
    "50 photos": (photos(*["AAAA"] * 50), 400, "invalid_request", "photos"),
    "text named .jpg": (
        request_body(photos=[{"data": encoded(b"hello"), "name": "photo.jpg"}] * 3),
        400,
        "invalid_photo",
        "photos[0].data",
    ),
    "truncated JPEG": (photos(GOOD, GOOD, encoded(photo()[:9000])), 400, "invalid_photo", "photos[2].data"),
    "no base64": (photos(GOOD, "not base64!", GOOD), 400, "invalid_photo", "photos[1].data"),
    "zero bytes": (photos(GOOD, "", GOOD), 400, "invalid_request", "photos[1].data"),
    "zero bytes in base64": (photos(GOOD, "====", GOOD), 400, "invalid_photo", "photos[1].data"),
    "bomb": (photos(GOOD, encoded(bomb()), GOOD), 413, "photo_too_large", "photos[1].data"),
    "unknown checklist": (request_body(checklist="nope"), 400, "unknown_checklist", "checklist"),
    "checklist elsewhere": (request_body(checklist="../../etc"), 400, "unknown_checklist", "checklist"),
}


@pytest.mark.parametrize(("body", "status", "code", "field"), BODIES.values(), ids=BODIES.keys())
def test_bad_body(gateway: Gateway, body: Any, status: int, code: str, field: str | None) -> None:
    check_problem(gateway.post(body), status, code, field)
    assert gateway.stored() == (0, 0, 0)


@pytest.mark.parametrize(
    ("headers", "status", "code", "field"),
    [
        ({"Idempotency-Key": ""}, 400, "invalid_request", "idempotency-key"),
        ({"Idempotency-Key": "a b"}, 400, "invalid_request", "idempotency-key"),
        ({"Idempotency-Key": "ä"}, 400, "invalid_request", "idempotency-key"),
        ({"Idempotency-Key": "x" * 256}, 400, "invalid_request", "idempotency-key"),
        ({"Prefer": "wait=soon"}, 400, "invalid_request", "Prefer"),
        ({"Prefer": "x" * 201}, 400, "invalid_request", "prefer"),
        ({"Content-Type": "text/plain"}, 415, "unsupported_media_type", "Content-Type"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415, "unsupported_media_type", "Content-Type"),
        ({"Content-Type": "multipart/form-data"}, 415, "unsupported_media_type", "Content-Type"),
        ({"Content-Type": "multipart/form-data; boundary=x"}, 415, "unsupported_media_type", "Content-Type"),
    ],
)
def test_bad_header(gateway: Gateway, headers: dict[str, str], status: int, code: str, field: str) -> None:
    check_problem(gateway.post(headers=headers), status, code, field)
    assert gateway.stored() == (0, 0, 0)


@pytest.mark.parametrize("body", [encoded(b"\xff\xfe{}"), encoded(b"\x00"), encoded(b"{")])
def test_body_in_base64_that_is_no_json(gateway: Gateway, body: str) -> None:
    event = rest_event("POST", PATH, body=body) | {"isBase64Encoded": True}
    check_problem(ask(app.app, event, FakeDatabase()), 400, "not_json", None)


def test_endless_unknown_fields_are_not_echoed(gateway: Gateway) -> None:
    many = request_body(**{f"field{n}": 0 for n in range(5000)})
    assert len(gateway.post(many).text) < 10_000
    check_problem(gateway.post(request_body(**{"x" * 1_000_000: 0})), 400, "invalid_request", "x" * 100)


def test_photos_are_not_echoed(gateway: Gateway) -> None:
    answer = gateway.post(request_body(photos=[{"data": "CANARY!", "name": "x" * 101}] * 3))
    assert answer.status == 400
    assert "CANARY" not in answer.text


RESPONSE_FIELDS = sorted(set(Inspection.model_fields) - {"checklist", "item", "photos", "reference"})


@pytest.mark.parametrize("field", [*RESPONSE_FIELDS, "client_id", "role", "plan", "quota", "attempts", "lease_owner"])
def test_response_fields_can_not_be_sent_in(gateway: Gateway, field: str) -> None:
    check_problem(gateway.post(request_body(**{field: "passed"})), 400, "invalid_request", field)
    assert gateway.stored() == (0, 0, 0)


@pytest.mark.parametrize("field", ["index", "sha256", "size_bytes", "media_type", "width", "height", "quality"])
def test_response_fields_of_a_photo_neither(gateway: Gateway, field: str) -> None:
    body = request_body(photos=[{"data": GOOD, field: 1}] * 3)
    check_problem(gateway.post(body), 400, "invalid_request", f"photos[0].{field}")


def test_whole_answer_sent_back_in(gateway: Gateway) -> None:
    answer = gateway.post().json
    before = gateway.stored()
    assert gateway.post(answer).status == 400
    assert gateway.stored() == before


def test_reused_key_with_another_body(gateway: Gateway) -> None:
    headers = {"Idempotency-Key": "k"}
    assert gateway.post(headers=headers).status == 202
    before = gateway.stored()
    check_problem(
        gateway.post(request_body(reference="other"), headers=headers), 409, "idempotency_conflict", "Idempotency-Key"
    )
    assert gateway.stored() == before


def test_reused_key_with_the_same_body(gateway: Gateway) -> None:
    headers = {"Idempotency-Key": "k"}
    first = gateway.post(headers=headers)
    before = gateway.stored()
    again = gateway.post(headers=headers)
    assert (again.status, again.text) == (first.status, first.text)
    assert gateway.stored() == before


@pytest.mark.parametrize("inspection_id", ["x", "insp_x", UNKNOWN, "%27%20OR%201=1", "ü"])
def test_unknown_id(gateway: Gateway, inspection_id: str) -> None:
    check_problem(gateway.call("GET", f"{PATH}/{inspection_id}"), 404, "not_found", None)


def test_another_clients_id_is_as_unknown_as_any(gateway: Gateway) -> None:
    theirs = gateway.post(client_id="client-b").json["id"]
    answers = [gateway.call("GET", f"{PATH}/{each}") for each in (theirs, UNKNOWN, "insp_x", theirs.upper())]
    assert len({(answer.status, answer.text, str(answer.headers)) for answer in answers}) == 1
    assert gateway.call("GET", f"{PATH}/{theirs}", client_id="client-b").status == 200


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"cursor": "zzz"}, "cursor"),
        ({"cursor": "x" * 101}, "cursor"),
        ({"state": "lost"}, "state"),
    ],
)
def test_bad_list_parameter(gateway: Gateway, query: dict[str, str], field: str) -> None:
    check_problem(gateway.call("GET", query=query), 400, "invalid_request", field)


def test_client_comes_from_the_authorizer_alone(gateway: Gateway) -> None:
    gateway.post(client_id="client-b")
    answer = gateway.call(
        "GET", headers={"client_id": "client-b", "x-client-id": "client-b"}, query={"client_id": "client-b"}
    )
    assert answer.json == {"inspections": [], "next_cursor": None}


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/nope"), ("DELETE", PATH), ("PUT", PATH), ("GET", "/")])
def test_unknown_route(gateway: Gateway, method: str, path: str) -> None:
    check_problem(gateway.call(method, path), 404, "unknown_route", None)


@pytest.mark.parametrize(("method", "path"), [("POST", PATH), ("GET", PATH), ("GET", f"{PATH}/{UNKNOWN}")])
def test_database_away(gateway: Gateway, method: str, path: str) -> None:
    gateway.records.away = True
    answer = gateway.call(method, path, body=request_body() if method == "POST" else None)
    check_problem(answer, 503, "unavailable", None)
    assert answer.headers["Retry-After"] == "5"
    assert gateway.stored()[::2] == (0, 0)


def test_bug_is_a_problem_without_its_message(gateway: Gateway, monkeypatch: pytest.MonkeyPatch, logged: Any) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("SECRET")

    monkeypatch.setattr(gateway.records, "page", fail)
    answer = gateway.call("GET")
    check_problem(answer, 500, "internal_error", None)
    assert "SECRET" not in answer.text + logged.getvalue()
    assert "RuntimeError" in logged.getvalue()


def test_good_request(gateway: Gateway) -> None:
    answer = gateway.post(request_body(reference="waybill 7"))
    inspection = Inspection.model_validate_json(answer.text)
    assert (answer.status, inspection.state, inspection.reference) == (202, State.ACCEPTED, "waybill 7")
    assert answer.headers["Location"] == f"{PATH}/{inspection.id}"
    assert (answer.headers["Retry-After"], answer.headers["Preference-Applied"]) == ("1", "respond-async")
    assert gateway.stored() == (1, 3, 1)
    assert json.loads(gateway.call("GET", f"{PATH}/{inspection.id}").text) == answer.json


def test_wait_ends_with_the_function_s_own_time(gateway: Gateway) -> None:
    """With 1 s left there is no time to wait, whatever the client prefers."""
    answer = gateway.post(headers={"Prefer": "wait=25"}, context=FakeContext(remaining_ms=1000))
    assert (answer.status, answer.headers["Preference-Applied"]) == (202, "wait=25")


def test_pages(gateway: Gateway) -> None:
    made = [gateway.post().json["id"] for _ in range(5)]
    seen: list[str] = []
    query = {"limit": "2"}
    for _ in range(3):
        page = gateway.call("GET", query=query).json
        seen += [each["id"] for each in page["inspections"]]
        query = {"limit": "2", "cursor": page["next_cursor"]}
    assert seen == made[::-1]
    assert page["next_cursor"] is None
