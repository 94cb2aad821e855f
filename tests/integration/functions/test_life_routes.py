"""Cancelling and following an inspection by the routes, over the real database."""

import threading
import time
from collections.abc import Callable

import pytest

from core.accept import Accept
from core.database import Database
from core.endings import Endings
from core.erasure import Erasure
from core.handover import Handover
from core.inspection_records import InspectionRecords
from core.states import State
from core.usage import UsageRecords
from core.work_records import Claimed, WorkRecords
from inspections import app
from inspections.services import Services
from tests.fakes.api_gateway import Answer, ask, rest_event
from tests.fakes.lane_load import lane_load
from tests.fakes.object_store import InMemoryStore
from tests.fakes.requests import RESULT, accepted
from tests.fakes.s3_client import photo_uploads
from tests.fakes.service import always_open
from tests.integration.functions.test_endings import claimed_in

Ask = Callable[..., Answer]


@pytest.fixture
def told() -> list[str]:
    """Inspections whose end was told on."""
    return []


@pytest.fixture
def request_(database: Database, monkeypatch: pytest.MonkeyPatch, told: list[str]) -> Ask:
    store, records = InMemoryStore(), InspectionRecords(database)
    accept = Accept(records, store, Handover(database, {}), always_open())
    services = Services(
        database,
        records,
        UsageRecords(database),
        accept,
        Erasure(database, store),
        always_open(),
        lane_load(database),
        photo_uploads(),
        on_final=told.append,
    )
    monkeypatch.setattr(app, "services", lambda: services)

    def request(method: str, path: str, client_id: str = "client-a", **headers: str) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return ask(app.app, rest_event(method, path, headers=sent, client_id=client_id), database)

    return request


def pass_it(database: Database, inspection_id: str) -> None:
    claim = claimed_in(database, inspection_id, State.INFERRED)
    WorkRecords(database).finish_with_result(claim, State.INFERRED, RESULT)


def test_cancelled_and_again(database: Database, request_: Ask, told: list[str]) -> None:
    inspection_id = accepted(database)
    first = request_("POST", f"/v1/inspections/{inspection_id}/cancel")
    assert told == [inspection_id]
    assert (first.status, first.json["state"], first.json["final"]) == (200, "cancelled", True)
    assert first.json["failure"] == {"code": "cancelled", "detail": "Its client cancelled it."}
    again = request_("POST", f"/v1/inspections/{inspection_id}/cancel")
    assert (again.status, again.json) == (200, first.json)
    assert '"running";r=200' in again.headers["RateLimit"], "its place is free"


def test_what_is_final_is_not_cancelled(database: Database, request_: Ask, told: list[str]) -> None:
    inspection_id = accepted(database)
    pass_it(database, inspection_id)
    refused = request_("POST", f"/v1/inspections/{inspection_id}/cancel")
    assert (refused.status, refused.json["code"]) == (409, "already_final")
    assert "passed" in refused.json["detail"]
    assert request_("GET", f"/v1/inspections/{inspection_id}").json["state"] == "passed"
    assert told == []


@pytest.mark.parametrize("path", ["{0}/cancel", "{0}/events"])
def test_another_clients_is_as_unknown_as_none(database: Database, request_: Ask, path: str) -> None:
    inspection_id = accepted(database)
    method = "POST" if "cancel" in path else "GET"
    paths = [f"/v1/inspections/{path.format(each)}" for each in (inspection_id, "insp_" + "b" * 26, "no-id")]
    answers = [request_(method, each, client_id="client-b") for each in paths]
    assert {answer.status for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert InspectionRecords(database).state(inspection_id) is State.ACCEPTED


def test_a_list_of_what_happened(database: Database, request_: Ask) -> None:
    inspection_id = accepted(database)
    pass_it(database, inspection_id)
    events = request_("GET", f"/v1/inspections/{inspection_id}/events").json["events"]
    assert [(event["id"], event["state"], event["final"]) for event in events] == [
        (1, "accepted", False),
        (2, "prechecked", False),
        (3, "inferred", False),
        (4, "passed", True),
    ]
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)
    assert all(event["at"].endswith("Z") for event in events)


def stream(request_: Ask, inspection_id: str, **headers: str) -> Answer:
    return request_("GET", f"/v1/inspections/{inspection_id}/events", Accept="text/event-stream", **headers)


def test_a_stream_goes_on_after_the_last_id_and_says_when_it_ends(database: Database, request_: Ask) -> None:
    inspection_id = accepted(database)
    first = stream(request_, inspection_id)
    assert (first.status, first.content_type) == (200, "text/event-stream")
    assert first.headers["Cache-Control"] == "no-store"
    assert "id: 1\n" in first.text
    Endings(database).cancel("client-a", inspection_id)
    rest = stream(request_, inspection_id, Last_Event_ID="1")
    assert "id: 2\n" in rest.text
    assert "id: 1\n" not in rest.text
    assert '"code":"cancelled"' in rest.text
    assert stream(request_, inspection_id, Last_Event_ID="2").status == 204
    assert stream(request_, inspection_id, Last_Event_ID="99").status == 204


def test_a_stream_waits_for_what_happens_next(
    connect: Callable[[], Database], database: Database, request_: Ask
) -> None:
    inspection_id, other = accepted(database), connect()

    def advance() -> None:
        time.sleep(0.4)
        claim = WorkRecords(other).claim(inspection_id, State.ACCEPTED, "w", 30)
        assert isinstance(claim, Claimed)
        WorkRecords(other).advance(claim, State.ACCEPTED, State.PRECHECKED)

    worker = threading.Thread(target=advance)
    start = time.monotonic()
    worker.start()
    told = stream(request_, inspection_id, Last_Event_ID="1", Prefer="wait=10")
    worker.join()
    assert 0.3 < time.monotonic() - start < 8
    assert '"state":"prechecked"' in told.text


def test_a_stream_without_news_ends_with_the_wait(database: Database, request_: Ask) -> None:
    told = stream(request_, accepted(database), Last_Event_ID="1", Prefer="wait=1")
    assert (told.status, told.text) == (200, "retry: 200\n\n: nothing new\n\n")


@pytest.mark.parametrize("last_id", ["x", "-1", "1.5", "9" * 10])
def test_an_id_that_is_none(database: Database, request_: Ask, last_id: str) -> None:
    refused = stream(request_, accepted(database), Last_Event_ID=last_id)
    assert (refused.status, refused.json["field"]) == (400, "last-event-id")


def test_a_final_one_from_before_there_were_events(
    database: Database, request_: Ask, tamper: Callable[..., None]
) -> None:
    inspection_id = accepted(database)
    pass_it(database, inspection_id)
    tamper("DELETE FROM inspection_events")
    assert request_("GET", f"/v1/inspections/{inspection_id}/events").json == {"events": []}
    assert stream(request_, inspection_id).status == 204
