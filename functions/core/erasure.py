"""Removing an inspection's photos for good, leaving the fact that it was, and its verdict.

Objects go first, then the row says so: whatever a crash leaves is found again and done again, and no row ever claims
an erasure that did not happen. Only final inspections are erased, so no stage loses a photo under its hands.
"""

from core.database import Database, Row
from core.errors import Conflict
from core.states import FINAL
from core.storage import ObjectStore, photo_key, prepared_key, request_key

_FINAL = ", ".join(f"'{state.value}'" for state in sorted(FINAL))
NEVER = "TIMESTAMP('1970-01-01')"


class Erasure:
    """Over one `Database` and the inspection bucket. All raise Unavailable when either is away."""

    def __init__(self, database: Database, store: ObjectStore) -> None:
        self._database = database
        self._store = store

    def erase(self, client_id: str, inspection_id: str) -> bool:
        """Remove the photos of one of the client's inspections; False where the client has no such inspection.

        Doing it again does no harm. Raises Conflict while the inspection is not final.
        """
        row = self._database.one(
            f"SELECT state IN ({_FINAL}) AS final, JSON_LENGTH(photos) AS count FROM rvpxbverification_request_data"
            " WHERE client_id = %s AND inspection_id = %s",
            (client_id, inspection_id),
        )
        if row is None:
            return False
        if not row["final"]:
            raise Conflict("The inspection is still under way; its photos can be erased once it is final.")
        self._remove(inspection_id, row["count"])
        return True

    def erase_due(self, limit: int) -> int:
        """Remove the photos of up to `limit` inspections that their client's retention or erasure says must go."""
        done = 0
        for client in self._clients_with_a_rule():
            for row in self._due(client["client_id"], limit - done):
                self._remove(row["inspection_id"], row["count"])
                done += 1
        return done

    def _clients_with_a_rule(self) -> list[Row]:
        return self._database.all(
            "SELECT client_id FROM clients WHERE retention_days IS NOT NULL OR erase_before IS NOT NULL"
        )

    def _due(self, client_id: str, limit: int) -> list[Row]:
        if limit <= 0:
            return []
        return self._database.all(
            "SELECT q.inspection_id, JSON_LENGTH(q.photos) AS count FROM rvpxbverification_request_data q"
            " JOIN clients c ON c.client_id = q.client_id"
            f" WHERE q.client_id = %s AND q.photos_deleted_at IS NULL AND q.state IN ({_FINAL})"
            f" AND q.accepted_at < GREATEST(COALESCE(c.erase_before, {NEVER}),"
            f" COALESCE(UTC_TIMESTAMP(6) - INTERVAL c.retention_days DAY, {NEVER}))"
            f" ORDER BY q.accepted_at LIMIT {int(limit)}",
            (client_id,),
        )

    def _remove(self, inspection_id: str, count: int) -> None:
        keys = [key(inspection_id, index) for index in range(count) for key in (photo_key, prepared_key)]
        # Whether or not the endpoint is asynchronous now: it may have been when this one was asked about.
        self._store.delete([*keys, request_key(inspection_id)])
        self._database.execute("DELETE FROM photo_fingerprints WHERE inspection_id = %s", (inspection_id,))
        self._database.execute(
            "UPDATE rvpxbverification_request_data SET photos_deleted_at = UTC_TIMESTAMP(6)"
            " WHERE inspection_id = %s AND photos_deleted_at IS NULL",
            (inspection_id,),
        )
