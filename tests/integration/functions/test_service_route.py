"""The routes while the service is closed: accepted at once with its promise, and what `/v1/service` tells."""

from collections.abc import Iterator
from datetime import datetime

import pytest

from core.accept import Accept
from core.erasure import Erasure
from core.inspection_records import InspectionRecords
from core.principal import Principal
from core.roles import MAY, Role
from core.settings import DatabaseSettings
from core.usage import UsageRecords
from inspections import app
from inspections.services import Services
from tests.fakes.api_gateway import ask, rest_event
from tests.fakes.inspections import request_body
from tests.fakes.lane_load import lane_load
from tests.fakes.object_store import InMemoryStore
from tests.fakes.s3_client import photo_uploads
from tests.fakes.shift import Shift
from tests.integration.functions.test_service_hours import NIGHT, OPENING

CLOSED_S = int((OPENING - NIGHT).total_seconds())


@pytest.fixture
def shift(settings: DatabaseSettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shift]:
    shift = Shift(settings, NIGHT)
    records, store = InspectionRecords(shift.database), InMemoryStore()
    accept = Accept(records, store, shift.handover, shift.service)
    usage, erasure = UsageRecords(shift.database), Erasure(shift.database, store)
    services = Services(
        shift.database, records, usage, accept, erasure, shift.service, lane_load(shift.database), photo_uploads()
    )
    monkeypatch.setattr(app, "services", lambda: services)
    yield shift
    shift.database.close()


def test_accepted_at_night_it_is_answered_at_once_with_its_promise(shift: Shift) -> None:
    headers = {"Prefer": "wait=20", "Idempotency-Key": "k"}
    for _ in range(2):  # the second time it is the earlier request's
        answer = ask(
            app.app, rest_event("POST", "/v1/inspections", headers=headers, body=request_body()), shift.database
        )
        assert (answer.status, answer.headers["Retry-After"]) == (202, str(CLOSED_S))
        assert (answer.json["state"], answer.json["final"]) == ("accepted", False)
        assert datetime.fromisoformat(answer.json["held_until"]) == OPENING
    assert len(shift.rows()) == 1


@pytest.mark.parametrize(("role", "held"), [(Role.OPERATOR, 1), (Role.ADMIN, 2), (Role.AUDITOR, 2)])
def test_the_service_tells_how_it_stands(shift: Shift, role: Role, held: int) -> None:
    shift.post("client-a")
    shift.post("client-b")
    principal = Principal("client-a", "key_me", role, MAY[role], "standard")
    answer = ask(app.app, rest_event("GET", "/v1/service", principal=principal), shift.database)
    assert answer.status == 200, answer.json
    assert (answer.json["open"], answer.json["held"]) == (False, held)
    assert (answer.json["opens"], answer.json["closes"], answer.json["timezone"]) == ("06:00", "24:00", "Asia/Kolkata")
    assert datetime.fromisoformat(answer.json["opens_at"]) == OPENING
