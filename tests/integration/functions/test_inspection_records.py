"""The client's side of the tables: adding, finding, listing; each client sees its own."""

import threading
from collections.abc import Callable

import pytest

from core.accept import Accept
from core.contract import InspectionInput
from core.database import Database, DuplicateKey
from core.erasure import Erasure
from core.handover import Handover
from core.identifiers import new_identifier
from core.inspection_records import InspectionRecords
from core.presentation import present
from core.states import State
from core.usage import UsageRecords
from inspections import app
from inspections.services import Services
from tests.fakes.api_gateway import ask, rest_event
from tests.fakes.inspections import request_body
from tests.fakes.lane_load import lane_load
from tests.fakes.object_store import InMemoryStore
from tests.fakes.queues import InMemoryQueue, both_lanes
from tests.fakes.requests import accepted, new_request
from tests.fakes.s3_client import photo_uploads
from tests.fakes.service import always_open
from tests.fakes.usage import GENEROUS


@pytest.fixture
def records(database: Database) -> InspectionRecords:
    return InspectionRecords(database)


def test_added_is_found(records: InspectionRecords) -> None:
    request = new_request(reference="waybill ☂ 7", item={"description": "blåbær 🫐"})
    records.add(request)
    row = records.find("client-a", request.inspection_id)
    assert row is not None
    inspection = present(row)
    assert (inspection.id, inspection.state, inspection.reference) == (
        request.inspection_id,
        State.ACCEPTED,
        "waybill ☂ 7",
    )
    assert inspection.item.description == "blåbær 🫐"
    assert [photo.index for photo in inspection.photos] == [0, 1, 2]
    assert (inspection.verdict, inspection.failure, inspection.finished_at) == (None, None, None)
    assert records.state(request.inspection_id) is State.ACCEPTED


def test_unknown_and_other_clients_are_not_found(records: InspectionRecords) -> None:
    request = new_request(client_id="client-b")
    records.add(request)
    assert records.find("client-a", request.inspection_id) is None
    assert records.find("client-b", request.inspection_id.upper() + "x") is None
    assert records.state(new_identifier("insp")) is None


def test_pages_are_newest_first_and_the_clients_own(records: InspectionRecords) -> None:
    made = [new_request(client_id=f"client-{'ab'[number % 2]}") for number in range(12)]
    for request in made:
        records.add(request)
    expected = [request.inspection_id for request in made if request.client_id == "client-a"][::-1]
    seen: list[str] = []
    before: int | None = None
    while rows := records.page("client-a", before=before, state=None, limit=4):
        seen += [row["inspection_id"] for row in rows]
        before = rows[-1]["sequence"]
    assert seen == expected


def test_page_while_others_are_added(records: InspectionRecords, database: Database) -> None:
    old = [accepted(database) for _ in range(4)]
    first = records.page("client-a", before=None, state=None, limit=2)
    accepted(database)
    second = records.page("client-a", before=first[-1]["sequence"], state=None, limit=2)
    assert [row["inspection_id"] for row in first + second] == old[::-1]


def test_page_by_state(records: InspectionRecords, database: Database) -> None:
    wanted, other = accepted(database), accepted(database)
    database.execute("UPDATE rvpxbverification_request_data SET state = 'passed' WHERE inspection_id = %s", (wanted,))
    for state, expected in ((State.PASSED, [wanted]), (State.ACCEPTED, [other]), (State.ERROR, [])):
        assert [row["inspection_id"] for row in records.page("client-a", before=None, state=state, limit=9)] == expected


def test_cursor_beyond_every_number(records: InspectionRecords, database: Database) -> None:
    accepted(database)
    assert len(records.page("client-a", before=10**20 - 1, state=None, limit=9)) == 1
    assert records.page("client-a", before=0, state=None, limit=9) == []


def test_idempotency_key_is_unique_for_its_client(records: InspectionRecords) -> None:
    first = new_request(idempotency_key="k", request_hash=bytes(range(32)))
    records.add(first)
    with pytest.raises(DuplicateKey):
        records.add(new_request(idempotency_key="k"))
    records.add(new_request(idempotency_key="k", client_id="client-b"))
    records.add(new_request(idempotency_key="K"))
    assert records.by_idempotency_key("client-a", "k") == (first.inspection_id, bytes(range(32)))
    assert records.by_idempotency_key("client-a", "other") is None


def test_twenty_at_once_with_one_key_are_one_inspection(connect: Callable[[], Database]) -> None:
    store, queue = InMemoryStore(), InMemoryQueue()
    body = InspectionInput.model_validate(request_body())
    ids: list[str] = []
    start = threading.Barrier(20)

    def post(database: Database) -> None:
        accept = Accept(
            InspectionRecords(database), store, Handover(database, both_lanes({State.ACCEPTED: queue})), always_open()
        )
        start.wait()
        ids.append(accept(body, "client-a", GENEROUS, "k").inspection_id)

    threads = [threading.Thread(target=post, args=(connect(),)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 20
    assert len(set(ids)) == 1
    rows = connect().all("SELECT inspection_id FROM rvpxbverification_request_data")
    assert [row["inspection_id"] for row in rows] == ids[:1]
    assert queue.sent == [(ids[0], 0)]


def test_another_clients_id_is_as_unknown_as_any(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    records, queue = InspectionRecords(database), InMemoryQueue()
    services = Services(
        database,
        records,
        UsageRecords(database),
        Accept(records, InMemoryStore(), Handover(database, both_lanes({State.ACCEPTED: queue})), always_open()),
        Erasure(database, InMemoryStore()),
        always_open(),
        lane_load(database),
        photo_uploads(),
    )
    monkeypatch.setattr(app, "services", lambda: services)
    theirs = accepted(database, client_id="client-b")
    answers = {
        str(ask(app.app, rest_event("GET", f"/v1/inspections/{each}"), database))
        for each in (theirs, new_identifier("insp"), "nonsense")
    }
    assert len(answers) == 1
    assert ask(app.app, rest_event("GET", f"/v1/inspections/{theirs}"), database).status == 404
    mine = ask(app.app, rest_event("GET", f"/v1/inspections/{theirs}", client_id="client-b"), database)
    assert mine.json["id"] == theirs
