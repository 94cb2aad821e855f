"""Reusing a verdict: the same photos, item and checklist, judged by the model that is served now, within the window
that the client chose.

Only what the model itself said is reused, never a copy, so the window counts from the look at the photos. What is
read here is final and never changes, so two equal requests at once do each other no harm.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from core.database import Row, Transaction
from core.states import VERDICTS, State
from core.step_events import note_step

REUSED = "reused"  # the code of the event
MEASURED = ("width", "height", "quality")  # what the pre-check found out about a photo, which its bytes decide

_VERDICTS = ", ".join(f"'{state.value}'" for state in sorted(VERDICTS))
# Whose digest the newest answer of a model has is the one that is served: nothing else here knows it.
_FIND = (
    "SELECT q.inspection_id, q.photos, r.outcome, r.answers, r.reasons, r.model, r.served_by"
    " FROM rvpxbverification_request_data q"
    " JOIN clients c ON c.client_id = q.client_id"
    " JOIN rvpxbverification r ON r.inspection_id = q.inspection_id"
    " WHERE q.client_id = %s AND q.content_hash = %s"
    " AND q.finished_at > UTC_TIMESTAMP(6) - INTERVAL c.reuse_window_s SECOND"
    f" AND q.state IN ({_VERDICTS}) AND q.reused_from IS NULL"
    # Whose photos are compared wants those of another parcel looked at, and not its verdict.
    " AND (c.photo_match_window_s IS NULL OR COALESCE(q.reference = %s, TRUE))"
    " AND JSON_UNQUOTE(JSON_EXTRACT(r.model, '$.digest')) = ("
    "  SELECT JSON_UNQUOTE(JSON_EXTRACT(newest.model, '$.digest')) FROM rvpxbverification newest"
    "  WHERE newest.reused_from IS NULL ORDER BY newest.sequence DESC LIMIT 1)"
    " ORDER BY q.finished_at DESC LIMIT 1"
)


def content_hash(checklist: str, version: int, item: Mapping[str, Any], photos: Sequence[Mapping[str, Any]]) -> bytes:
    """SHA-256 over all that a verdict depends on but the model; photos by their own hash, in their order."""
    content = [checklist, version, item, [photo["sha256"] for photo in photos]]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()


def find_reusable(transaction: Transaction, client_id: str, content: bytes, reference: str | None) -> Row | None:
    """The client's earlier verdict on the same content, or None where there is none or the client reuses nothing."""
    return transaction.one(_FIND, (client_id, content, reference))


def take_over(
    transaction: Transaction, inspection_id: str, client_id: str, photos: Sequence[Mapping[str, Any]], earlier: Row
) -> None:
    """End a request, accepted in this transaction, with the verdict of `earlier`. No model worked for it, so its
    counts and timings are empty."""
    outcome = State(earlier["outcome"])
    transaction.execute(
        "UPDATE rvpxbverification_request_data SET state = %s, reused_from = %s, photos = %s,"
        " finished_at = UTC_TIMESTAMP(6), updated_at = UTC_TIMESTAMP(6)"
        " WHERE inspection_id = %s AND state = 'accepted'",
        (outcome.value, earlier["inspection_id"], json.dumps(_measured(photos, earlier)), inspection_id),
    )
    note_step(transaction, inspection_id, client_id, outcome, REUSED)
    transaction.execute(
        "INSERT INTO rvpxbverification (inspection_id, client_id, outcome, answers, reasons, model, served_by,"
        " usage_counts, timings_ms, reused_from, created_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, '{}', '{}', %s, UTC_TIMESTAMP(6))",
        (
            inspection_id,
            client_id,
            outcome.value,
            *(earlier[name] for name in ("answers", "reasons", "model", "served_by")),
            earlier["inspection_id"],
        ),
    )


def _measured(photos: Sequence[Mapping[str, Any]], earlier: Row) -> list[dict[str, Any]]:
    return [
        {**photo, **{name: before[name] for name in MEASURED if before.get(name) is not None}}
        for photo, before in zip(photos, json.loads(earlier["photos"]), strict=True)
    ]
