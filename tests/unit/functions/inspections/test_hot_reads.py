"""While the database is away, final inspections come from the table for hot reads, and say so."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from core.accept import Accept
from core.erasure import Erasure
from core.errors import Unavailable
from core.handover import Handover
from core.identifiers import new_identifier
from core.observability import metrics
from core.presentation import present_accepted
from core.states import State
from inspections import app
from inspections.services import Services
from tests.fakes.api_gateway import Answer, ask, rest_event
from tests.fakes.database import FakeDatabase
from tests.fakes.hot_results import InMemoryResults
from tests.fakes.inspections import request_body
from tests.fakes.lane_load import lane_load
from tests.fakes.object_store import InMemoryStore
from tests.fakes.queues import InMemoryQueue, both_lanes
from tests.fakes.records import InMemoryRecords
from tests.fakes.requests import new_request
from tests.fakes.s3_client import photo_uploads
from tests.fakes.service import always_open
from tests.fakes.usage import FixedUsage

MINE = new_identifier("insp")
DOCUMENT = (
    present_accepted(new_request(inspection_id=MINE))
    .model_copy(update={"state": State.PASSED, "final": True})
    .model_dump_json()
    .encode()
)


class Front:
    """The inspections function over fakes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.records, self.hot, store = InMemoryRecords(), InMemoryResults(), InMemoryStore()
        handover = Handover(FakeDatabase(), both_lanes({State.ACCEPTED: InMemoryQueue()}))
        accept = Accept(self.records, store, handover, always_open())
        self.services = Services(
            FakeDatabase(),
            self.records,
            FixedUsage(),
            accept,
            Erasure(FakeDatabase(), store),
            always_open(),
            lane_load(FakeDatabase()),
            photo_uploads(),
            self.hot,
        )
        monkeypatch.setattr(app, "services", lambda: self.services)
        self.hot.documents["client-a", MINE] = DOCUMENT

    def get(self, inspection_id: str, client_id: str = "client-a") -> Answer:
        return ask(
            app.app, rest_event("GET", f"/v1/inspections/{inspection_id}", client_id=client_id), FakeDatabase(away=True)
        )


@pytest.fixture
def front(monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    yield Front(monkeypatch)
    metrics.clear_metrics()


def test_final_inspection_is_served_and_says_from_where(front: Front) -> None:
    front.records.away = True
    answer = front.get(MINE)
    assert (answer.status, answer.headers["X-Served-From"]) == (200, "archive")
    assert (answer.json["id"], answer.json["state"], answer.json["final"]) == (MINE, "passed", True)


def test_the_database_is_asked_first(front: Front) -> None:
    answer = front.get(MINE)  # the database is there and knows of no such inspection
    assert (answer.status, "X-Served-From" in answer.headers) == (404, False)


@pytest.mark.parametrize("asked", [new_identifier("insp"), "nonsense"], ids=["unknown", "nonsense"])
def test_what_is_not_there_is_503_and_never_404(front: Front, asked: str) -> None:
    front.records.away = True
    assert front.get(asked).json["code"] in ("unavailable", "not_found")
    assert front.get(asked).status == (503 if asked.startswith("insp_") else 404)


def test_another_clients_is_as_absent_as_any(front: Front) -> None:
    front.records.away = True
    theirs, nobodys = front.get(MINE, "client-b"), front.get(new_identifier("insp"))
    assert theirs.status == nobodys.status == 503
    assert theirs.json == nobodys.json


def test_table_away_as_well(front: Front) -> None:
    front.records.away = front.hot.away = True
    answer = front.get(MINE)
    assert (answer.status, answer.json["code"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0


def test_hot_reads_off(front: Front) -> None:
    front.services = replace(front.services, hot=None)
    front.records.away = True
    assert front.get(MINE).status == 503


def test_client_that_waits_gets_the_verdict_from_the_table(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    def archived_and_gone(inspection_id: str) -> State:
        front.hot.documents["client-a", inspection_id] = DOCUMENT
        raise Unavailable("The database went away after the verdict.", retry_after_s=5)

    monkeypatch.setattr(front.records, "state", archived_and_gone)
    event = rest_event("POST", "/v1/inspections", headers={"Prefer": "wait=5"}, body=request_body())
    answer = ask(app.app, event, FakeDatabase())
    assert (answer.status, answer.headers["X-Served-From"]) == (200, "archive")
    assert answer.json["final"] is True
