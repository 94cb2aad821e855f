"""What photos look like is kept for as long as the client has them compared, and no longer."""

from core.database import Database, Row


class OldFingerprints:
    """Over one `Database`. Raises Unavailable when it is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def erase_due(self, limit: int) -> int:
        """Remove up to `limit` fingerprints that are older than their client's window, or of a client without one."""
        done = 0
        for client in self._clients_with_fingerprints():
            if done >= limit:
                break
            done += self._database.execute(
                "DELETE FROM photo_fingerprints WHERE client_id = %s"
                " AND (%s IS NULL OR created_at < UTC_TIMESTAMP(6) - INTERVAL %s SECOND)"
                f" ORDER BY created_at LIMIT {int(limit - done)}",
                (client["client_id"], client["photo_match_window_s"], client["photo_match_window_s"]),
            )
        return done

    def _clients_with_fingerprints(self) -> list[Row]:
        return self._database.all(
            "SELECT c.client_id, c.photo_match_window_s FROM clients c WHERE EXISTS"
            " (SELECT p.client_id FROM photo_fingerprints p WHERE p.client_id = c.client_id)"
        )
