"""The front's side of the tables: rows in a list."""

import json
from datetime import datetime, timedelta

from core.database import DuplicateKey, Row
from core.errors import Unavailable
from core.inspection_records import InspectionRecords, NewRequest
from core.states import State

MOMENT = datetime(2026, 1, 2, 3, 4, 5)


class InMemoryRecords(InspectionRecords):
    """`added` are the requests as they came; `state_of` overrides the state of an id; `away` makes every use fail;
    `reusable` is the inspection whose verdict every request takes."""

    def __init__(self) -> None:
        self.added: list[NewRequest] = []
        self.state_of: dict[str, State] = {}
        self.away = False
        self.reusable: str | None = None

    def add(self, request: NewRequest) -> str | None:
        self._check()
        if request.idempotency_key is not None and self.by_idempotency_key(request.client_id, request.idempotency_key):
            raise DuplicateKey("requests_by_idempotency_key")
        self.added.append(request)
        return self.reusable

    def by_idempotency_key(self, client_id: str, key: str) -> tuple[str, bytes] | None:
        self._check()
        for request in self.added:
            if (request.client_id, request.idempotency_key) == (client_id, key):
                return request.inspection_id, request.request_hash
        return None

    def state(self, inspection_id: str) -> State | None:
        self._check()
        known = any(request.inspection_id == inspection_id for request in self.added)
        return self.state_of.get(inspection_id, State.ACCEPTED) if known else None

    def find(self, client_id: str, inspection_id: str) -> Row | None:
        self._check()
        rows = self.page(client_id, before=None, state=None, limit=len(self.added))
        return next((row for row in rows if row["inspection_id"] == inspection_id), None)

    def page(self, client_id: str, *, before: int | None, state: State | None, limit: int) -> list[Row]:
        self._check()
        rows = [self._row(sequence, request) for sequence, request in enumerate(self.added, 1)]
        chosen = [
            row
            for row, request in zip(rows, self.added, strict=True)
            if request.client_id == client_id
            and (before is None or row["sequence"] < before)
            and (state is None or row["state"] == state.value)
        ]
        return chosen[::-1][:limit]

    def _row(self, sequence: int, request: NewRequest) -> Row:
        return {
            "sequence": sequence,
            "inspection_id": request.inspection_id,
            "state": self.state_of.get(request.inspection_id, State.ACCEPTED).value,
            "running": 0,
            "lane": request.lane.value,
            "checklist": request.checklist,
            "checklist_version": request.checklist_version,
            "item": json.dumps(request.item),
            "reference": request.reference,
            "photos": json.dumps(request.photos),
            "accepted_at": MOMENT,
            "expires_at": MOMENT + timedelta(seconds=request.expires_in_s),
            "reused_from": None,
            "held_until": None if request.held_until is None else request.held_until.replace(tzinfo=None),
            **dict.fromkeys(("finished_at", "photos_deleted_at", "prechecked_ms", "inferred_ms", "finished_ms")),
            **dict.fromkeys(("outcome", "answers")),
            **dict.fromkeys(("reasons", "model", "served_by", "usage_counts", "timings_ms")),
            **dict.fromkeys(("failure_code", "failure_detail")),
        }

    def _check(self) -> None:
        if self.away:
            raise Unavailable("The database is not reachable at the moment.", retry_after_s=5)
