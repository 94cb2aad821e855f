"""A 202 stands once the row is committed, even if the database goes away while the client still waits."""

from typing import Any

import pytest

from core.accept import Accept
from core.erasure import Erasure
from core.errors import Unavailable
from core.handover import Handover
from core.states import State
from inspections import app
from inspections.services import Services
from tests.fakes.api_gateway import ask, rest_event
from tests.fakes.database import FakeDatabase
from tests.fakes.inspections import request_body
from tests.fakes.lane_load import lane_load
from tests.fakes.object_store import InMemoryStore
from tests.fakes.queues import InMemoryQueue, both_lanes
from tests.fakes.records import InMemoryRecords
from tests.fakes.s3_client import photo_uploads
from tests.fakes.service import always_open
from tests.fakes.usage import FixedUsage


class GoneAfterCommit(InMemoryRecords):
    """Takes the row; nothing can be read any more."""

    def state(self, inspection_id: str) -> State | None:
        raise Unavailable("The database is away.", retry_after_s=5)

    def find(self, client_id: str, inspection_id: str) -> dict[str, Any] | None:
        raise Unavailable("The database is away.", retry_after_s=5)


@pytest.mark.parametrize("prefer", ["wait=5", "respond-async"])
def test_the_answer_is_202_from_what_was_stored(monkeypatch: pytest.MonkeyPatch, prefer: str) -> None:
    records, store = GoneAfterCommit(), InMemoryStore()
    accept = Accept(
        records, store, Handover(FakeDatabase(), both_lanes({State.ACCEPTED: InMemoryQueue()})), always_open()
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
    event = rest_event("POST", "/v1/inspections", headers={"Prefer": prefer}, body=request_body(reference="AWB-7"))
    answer = ask(app.app, event, FakeDatabase())
    assert answer.status == 202
    (stored,) = records.added
    assert answer.json["id"] == stored.inspection_id
    assert (answer.json["state"], answer.json["final"], answer.json["reference"]) == ("accepted", False, "AWB-7")
    assert [photo["sha256"] for photo in answer.json["photos"]] == [photo["sha256"] for photo in stored.photos]
