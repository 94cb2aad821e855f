"""Rows as accepting makes them, without its photos."""

from typing import Any

from core.database import Database
from core.identifiers import new_identifier
from core.inspection_records import InspectionRecords, NewRequest
from tests.fakes.inspections import photo_entry


def new_request(**changes: Any) -> NewRequest:
    """An accepted request of client-a with three photos."""
    values: dict[str, Any] = {
        "inspection_id": new_identifier("insp"),
        "client_id": "client-a",
        "idempotency_key": None,
        "request_hash": bytes(32),
        "checklist": "reverse-pickup",
        "checklist_version": 1,
        "item": {"description": "red shoe"},
        "reference": None,
        "photos": [photo_entry(index, index) for index in range(3)],
        "expires_in_s": 86_400,
    }
    return NewRequest(**(values | changes))


def accepted(database: Database, **changes: Any) -> str:
    """Stores a request; its id."""
    request = new_request(**changes)
    InspectionRecords(database).add(request)
    return request.inspection_id


RESULT = {
    "outcome": "passed",
    "answers": [],
    "reasons": [],
    "model": {"name": "m", "version": "1", "digest": "d"},
    "served_by": "fake:endpoint",
    "usage_counts": {},
    "timings_ms": {},
}
