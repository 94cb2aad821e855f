"""The requests that no message will move any more, found and put back on their way, or ended."""

from dataclasses import dataclass

from core.database import Database
from core.endings import end_unfinished
from core.lanes import Lane
from core.states import State


@dataclass(frozen=True)
class Stuck:
    """An unfinished inspection that no message will move."""

    inspection_id: str
    client_id: str
    lane: Lane
    state: State
    attempts: int


class StuckRecords:
    """Queries and steps over one `Database`. All raise Unavailable when it is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def stuck(self, *, after_s: int, lost_after_s: int, limit: int) -> list[Stuck]:
        """The oldest first.

        Committed but never queued for `after_s`; a worker died and nothing was sent since its lease; or a message is
        older than `lost_after_s`, which no queue of ours keeps one waiting for.
        """
        rows = self._database.all(
            "SELECT inspection_id, client_id, lane, state, attempts FROM rvpxbverification_request_data"
            " WHERE state IN ('accepted', 'prechecked', 'inferred') AND held_until IS NULL AND ("
            " (queued_at IS NULL AND lease_until IS NULL AND updated_at < UTC_TIMESTAMP(6) - INTERVAL %s SECOND)"
            " OR (lease_until < UTC_TIMESTAMP(6) AND (queued_at IS NULL OR queued_at < lease_until))"
            " OR ((lease_until IS NULL OR lease_until < UTC_TIMESTAMP(6))"
            " AND queued_at < UTC_TIMESTAMP(6) - INTERVAL %s SECOND))"
            f" ORDER BY sequence LIMIT {int(limit)}",
            (after_s, lost_after_s),
        )
        return [
            Stuck(row["inspection_id"], row["client_id"], Lane(row["lane"]), State(row["state"]), row["attempts"])
            for row in rows
        ]

    def give_up(self, inspection_id: str, state: State, *, least_attempts: int, code: str, detail: str) -> bool:
        """End an inspection whose every attempt died with its worker; False where it has moved on meanwhile."""
        return self._database.transaction(
            lambda transaction: end_unfinished(
                transaction,
                inspection_id,
                State.ERROR,
                code=code,
                detail=detail,
                where="state = %s AND attempts >= %s AND (lease_until IS NULL OR lease_until < UTC_TIMESTAMP(6))",
                values=(state.value, least_attempts),
            )
        )
