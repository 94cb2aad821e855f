"""The requests, results and failures tables as the client's side uses them: adding, finding, listing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.batches import BatchLine, add_line
from core.database import Database, Row, Transaction
from core.lanes import Lane
from core.reuse import find_reusable, take_over
from core.states import State
from core.step_events import note_step
from core.usage import INSPECT, take


@dataclass(frozen=True)
class NewRequest:
    """What accepting stores; hashes are raw SHA-256. `deadline_ms` counts from the moment of storing. Without
    `content_hash` no verdict is reused. `held_until` is when the service opens, None where it is open."""

    inspection_id: str
    client_id: str
    idempotency_key: str | None
    request_hash: bytes
    checklist: str
    checklist_version: int
    item: Mapping[str, Any]
    reference: str | None
    photos: Sequence[Mapping[str, Any]]
    expires_in_s: int
    lane: Lane = Lane.INTERACTIVE
    deadline_ms: int | None = None
    batch_line: BatchLine | None = None
    content_hash: bytes | None = None
    held_until: datetime | None = None


class InspectionRecords:
    """Queries over one `Database`. All raise Unavailable when it is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, request: NewRequest) -> str | None:
        """Store a new request as accepted and count it, with the line of the batch that it comes from: all or nothing.

        Where the client reuses verdicts and there is one, the request ends with it in the same transaction: the
        answer is the id of the inspection that it came from. It counts as any other, so that limits hold for it too.

        Raises DuplicateKey where the client's idempotency key is taken; QuotaExceeded, TooManyRunning, NotOnPlan or
        Forbidden where the client's limits stand against it; LostBatch.
        """

        def work(transaction: Transaction) -> str | None:
            self._insert(transaction, request)
            if request.batch_line is not None:
                add_line(transaction, request.batch_line, request.inspection_id)
            note_step(transaction, request.inspection_id, request.client_id, State.ACCEPTED)
            earlier = None
            if request.content_hash is not None:
                earlier = find_reusable(transaction, request.client_id, request.content_hash, request.reference)
            take(transaction, request.client_id, INSPECT, places=1 if request.held_until is None else 0)
            if earlier is None:
                return None
            take_over(transaction, request.inspection_id, request.client_id, request.photos, earlier)
            origin: str = earlier["inspection_id"]
            return origin

        return self._database.transaction(work)

    def _insert(self, transaction: Transaction, request: NewRequest) -> None:
        transaction.execute(
            "INSERT INTO rvpxbverification_request_data (inspection_id, client_id, idempotency_key, request_hash,"
            " state, checklist, checklist_version, item, reference, photos, lane, deadline_at, batch_id, expires_at,"
            " content_hash, held_until, accepted_at, updated_at)"
            " VALUES (%s, %s, %s, %s, 'accepted', %s, %s, %s, %s, %s, %s,"
            " UTC_TIMESTAMP(6) + INTERVAL %s MICROSECOND, %s, UTC_TIMESTAMP(6) + INTERVAL %s SECOND, %s, %s,"
            " UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))",
            (
                request.inspection_id,
                request.client_id,
                request.idempotency_key,
                request.request_hash,
                request.checklist,
                request.checklist_version,
                json.dumps(request.item),
                request.reference,
                json.dumps(request.photos),
                request.lane.value,
                None if request.deadline_ms is None else request.deadline_ms * 1000,
                None if request.batch_line is None else request.batch_line.batch_id,
                request.expires_in_s,
                request.content_hash,
                None if request.held_until is None else request.held_until.replace(tzinfo=None),
            ),
        )

    def by_idempotency_key(self, client_id: str, key: str) -> tuple[str, bytes] | None:
        """The inspection id and request hash stored under the client's key."""
        row = self._database.one(
            "SELECT inspection_id, request_hash FROM rvpxbverification_request_data"
            " WHERE client_id = %s AND idempotency_key = %s",
            (client_id, key),
        )
        return (row["inspection_id"], row["request_hash"]) if row else None

    def state(self, inspection_id: str) -> State | None:
        """The state alone: what a waiting request asks for again and again."""
        row = self._database.one(
            "SELECT state FROM rvpxbverification_request_data WHERE inspection_id = %s", (inspection_id,)
        )
        return State(row["state"]) if row else None

    def held_s(self, inspection_id: str) -> int | None:
        """Seconds until an inspection that is held may go on; None where it is not held."""
        row = self._database.one(
            "SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(6), held_until) AS held_s FROM rvpxbverification_request_data"
            " WHERE inspection_id = %s AND held_until IS NOT NULL AND state IN ('accepted', 'prechecked')",
            (inspection_id,),
        )
        return max(0, int(row["held_s"])) if row else None

    def find(self, client_id: str, inspection_id: str) -> Row | None:
        """One of the client's own inspections with its result or failure; JSON columns still as text."""
        return self._database.one(
            f"{WHOLE} WHERE q.client_id = %s AND q.inspection_id = %s", (client_id, inspection_id)
        )

    def whole(self, inspection_ids: Sequence[str]) -> dict[str, Row]:
        """Each of these inspections as `find` has it, by its id; whose they are is the caller's to know."""
        if not inspection_ids:
            return {}
        marks = ", ".join(["%s"] * len(inspection_ids))
        rows = self._database.all(f"{WHOLE} WHERE q.inspection_id IN ({marks})", tuple(inspection_ids))
        return {row["inspection_id"]: row for row in rows}

    def page(self, client_id: str, *, before: int | None, state: State | None, limit: int) -> list[Row]:
        """The client's inspections, newest first, with sequence < `before`."""
        where, values = ["q.client_id = %s"], [client_id]
        if before is not None:
            where.append("q.sequence < %s")
            values.append(str(before))
        if state is not None:
            where.append("q.state = %s")
            values.append(state.value)
        return self._database.all(
            f"{WHOLE} WHERE {' AND '.join(where)} ORDER BY q.sequence DESC LIMIT {int(limit)}", values
        )


WHOLE = (
    "SELECT q.sequence, q.inspection_id, q.client_id, q.state, q.lane, q.checklist, q.checklist_version, q.item,"
    " q.reference, q.photos, q.accepted_at, q.expires_at, q.held_until, q.released_at, q.finished_at,"
    " q.photos_deleted_at, q.reused_from,"
    " COALESCE(q.state = 'prechecked' AND q.lease_until > UTC_TIMESTAMP(6), 0) AS running,"
    " TIMESTAMPDIFF(MICROSECOND, q.accepted_at, q.prechecked_at) / 1000 AS prechecked_ms,"
    " TIMESTAMPDIFF(MICROSECOND, q.accepted_at, q.inferred_at) / 1000 AS inferred_ms,"
    " TIMESTAMPDIFF(MICROSECOND, q.accepted_at, q.finished_at) / 1000 AS finished_ms,"
    " r.outcome, r.answers, r.reasons, r.model, r.served_by, r.usage_counts, r.timings_ms,"
    " f.code AS failure_code, f.detail AS failure_detail"
    " FROM rvpxbverification_request_data q"
    " LEFT JOIN rvpxbverification r ON r.inspection_id = q.inspection_id"
    " LEFT JOIN rvpxbverification_fail f ON f.inspection_id = q.inspection_id"
)
