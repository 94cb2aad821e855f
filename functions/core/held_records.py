"""The requests that wait for the service to open: `held_until` is set, no message is under way and no place is taken.

A held inspection is not under way, so it does not count towards what a client may have running at once; it takes its
place when it is let go.
"""

from dataclasses import dataclass
from datetime import datetime

from core.database import Database, Transaction
from core.lanes import Lane
from core.service import Service
from core.states import State
from core.usage import give_place, take_place

# Later stages need neither the endpoint nor much time: what was inferred gets its verdict at any hour.
HELD_STATES = (State.ACCEPTED, State.PRECHECKED)
_WAITS = f"held_until IS NOT NULL AND state IN ({', '.join(f'{state.value!r}' for state in HELD_STATES)})"


@dataclass(frozen=True)
class Held:
    """An inspection that waits in `state` for the service to open."""

    inspection_id: str
    client_id: str
    lane: Lane
    state: State


class HeldRecords:
    """Queries and steps over one `Database`. All raise Unavailable when it is away."""

    def __init__(self, database: Database, service: Service) -> None:
        self._database = database
        self._service = service

    def hold(self, inspection_id: str, state: State) -> datetime | None:
        """Until when an inspection that waits in `state` is held from now on, if the service is closed; else None.

        One conditional UPDATE: no attempt is counted, and one that a worker has is left to it.
        """

        def work(transaction: Transaction) -> datetime | None:
            standing = self._service.standing_in(transaction)
            if standing.open or standing.opens_at is None:
                return None
            held = transaction.execute(
                "UPDATE rvpxbverification_request_data SET held_until = %s, lease_owner = NULL, lease_until = NULL,"
                " queued_at = NULL, updated_at = UTC_TIMESTAMP(6)"
                " WHERE inspection_id = %s AND state = %s AND held_until IS NULL"
                " AND (lease_until IS NULL OR lease_until < UTC_TIMESTAMP(6))",
                (standing.opens_at.replace(tzinfo=None), inspection_id, state.value),
            )
            if not held:
                return None
            give_place(transaction, self._client(transaction, inspection_id))
            return standing.opens_at

        return None if self._service.hours.always_open else self._database.transaction(work)

    def due(self, limit: int) -> list[Held]:
        """Those that may go on, oldest first, if the service is open; none of a client at its limit."""
        if not self._service.standing().open:
            return []
        rows = self._database.all(
            "SELECT q.inspection_id, q.client_id, q.lane, q.state FROM rvpxbverification_request_data q"
            " LEFT JOIN clients c ON c.client_id = q.client_id LEFT JOIN plans p ON p.plan = c.plan"
            " LEFT JOIN client_usage u ON u.client_id = q.client_id"
            f" WHERE {_WAITS} AND (p.concurrent IS NULL OR u.running IS NULL OR u.running < p.concurrent)"
            f" ORDER BY q.sequence LIMIT {int(limit)}"
        )
        return [Held(row["inspection_id"], row["client_id"], Lane(row["lane"]), State(row["state"])) for row in rows]

    def let_go(self, held: Held) -> bool:
        """Take a place for it and hold it no longer; False where it is not held, or its client has no place left."""

        def work(transaction: Transaction) -> bool:
            gone = transaction.execute(
                "UPDATE rvpxbverification_request_data SET held_until = NULL, released_at = UTC_TIMESTAMP(6),"
                " updated_at = UTC_TIMESTAMP(6)"
                f" WHERE inspection_id = %s AND state = %s AND {_WAITS}",
                (held.inspection_id, held.state.value),
            )
            if gone and not take_place(transaction, held.client_id):
                raise _NoPlace
            return bool(gone)

        try:
            return self._database.transaction(work)
        except _NoPlace:
            return False

    def count(self, client_id: str | None) -> int:
        """How many are held, of one client or (None) of all."""
        row = self._database.one(
            f"SELECT COUNT(*) AS held FROM rvpxbverification_request_data WHERE {_WAITS}"
            " AND (%(client_id)s IS NULL OR client_id = %(client_id)s)",
            {"client_id": client_id},
        )
        assert row is not None
        return int(row["held"])

    @staticmethod
    def _client(transaction: Transaction, inspection_id: str) -> str:
        row = transaction.one(
            "SELECT client_id FROM rvpxbverification_request_data WHERE inspection_id = %s", (inspection_id,)
        )
        assert row is not None
        return str(row["client_id"])


class _NoPlace(Exception):
    """Undoes the step."""
