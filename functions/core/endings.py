"""Ends without a verdict, and above all those that no worker brings: cancelled, expired, given up.

Each of these is one conditional UPDATE, with the failure and what follows from an end in the same transaction. It
takes the lease away, so a worker that is still at it finds no row to change (`work_records`), whatever it found out.
"""

from collections.abc import Sequence
from typing import Any

from core.database import Database, Transaction
from core.states import State
from core.step_events import note_step

CANCELLED = "Its client cancelled it."
EXPIRED = "It was not final when its time to live was over."


class Endings:
    """Over one `Database`. All raise Unavailable when it is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def cancel(self, client_id: str, inspection_id: str) -> State | None:
        """End one of the client's own as cancelled. The state it is in afterwards: CANCELLED, or the final one that it
        was in before; None where the client has no such inspection.
        """

        def work(transaction: Transaction) -> State | None:
            if end_unfinished(
                transaction,
                inspection_id,
                State.CANCELLED,
                code="cancelled",
                detail=CANCELLED,
                where="client_id = %s",
                values=(client_id,),
            ):
                return State.CANCELLED
            row = transaction.one(
                "SELECT state FROM rvpxbverification_request_data WHERE inspection_id = %s AND client_id = %s",
                (inspection_id, client_id),
            )
            return State(row["state"]) if row else None

        return self._database.transaction(work)

    def expire(self, inspection_id: str) -> bool:
        """End it as expired, whoever works on it; False where its time is not over, or it is final."""
        return self._database.transaction(
            lambda transaction: end_unfinished(
                transaction,
                inspection_id,
                State.EXPIRED,
                code="expired",
                detail=EXPIRED,
                where="expires_at <= UTC_TIMESTAMP(6)",
            )
        )

    def overdue(self, limit: int) -> list[str]:
        """Unfinished inspections whose time to live is over, those that waited longest first."""
        rows = self._database.all(
            "SELECT inspection_id FROM rvpxbverification_request_data"
            " WHERE state IN ('accepted', 'prechecked', 'inferred') AND expires_at <= UTC_TIMESTAMP(6)"
            f" ORDER BY expires_at LIMIT {int(limit)}"
        )
        return [row["inspection_id"] for row in rows]


def end_unfinished(
    transaction: Transaction,
    inspection_id: str,
    end: State,
    *,
    code: str,
    detail: str,
    where: str,
    values: Sequence[Any] = (),
) -> bool:
    """The end of an inspection that is not final and of which `where` holds (SQL of the requests table, with `values`);
    False, with nothing changed, for any other."""
    # `attempts` stays: it says whether the model was asked (core/usage.py).
    ended = transaction.execute(
        "UPDATE rvpxbverification_request_data SET state = %s, lease_owner = NULL, lease_until = NULL,"
        " queued_at = NULL, finished_at = UTC_TIMESTAMP(6), updated_at = UTC_TIMESTAMP(6)"
        f" WHERE inspection_id = %s AND state IN ('accepted', 'prechecked', 'inferred') AND {where}",
        (end.value, inspection_id, *values),
    )
    if not ended:
        return False
    row = transaction.one(
        "SELECT client_id FROM rvpxbverification_request_data WHERE inspection_id = %s", (inspection_id,)
    )
    assert row is not None
    insert_failure(transaction, inspection_id, row["client_id"], end, code, detail)
    note_step(transaction, inspection_id, row["client_id"], end, code)
    return True


def insert_failure(
    transaction: Transaction, inspection_id: str, client_id: str, outcome: State, code: str, detail: str
) -> None:
    """The row of an inspection that ends without a verdict; a second one is a DuplicateKey."""
    transaction.execute(
        "INSERT INTO rvpxbverification_fail (inspection_id, client_id, outcome, code, detail, created_at)"
        " VALUES (%s, %s, %s, %s, %s, UTC_TIMESTAMP(6))",
        (inspection_id, client_id, outcome.value, code, detail[:1000]),
    )
