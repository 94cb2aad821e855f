"""The tables of batches as the client's side uses them: adding, finding, listing, counting, cancelling."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from core.batches import UNREAD, BatchState
from core.database import Database, Row, Transaction
from core.errors import TooManyRunning
from core.states import State

# Each may be 10,000 lines, so this bounds what one client can have stored ahead of its quota.
MOST_UNFINISHED = 20
COME_BACK_S = 60


@dataclass(frozen=True)
class NewBatch:
    """What accepting stores; the hash is a raw SHA-256."""

    batch_id: str
    client_id: str
    idempotency_key: str | None
    request_hash: bytes
    name: str | None
    manifest_key: str
    line_count: int


@dataclass
class Counted:
    """What has become of a batch's lines so far."""

    refused: int = 0
    by_state: dict[State, int] = field(default_factory=dict)


class BatchRecords:
    """Queries over one `Database`. All raise Unavailable when it is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, batch: NewBatch) -> None:
        """Store a new batch, due at once.

        Raises DuplicateKey where the client's idempotency key is taken, TooManyRunning where it has MOST_UNFINISHED.
        """
        self._database.transaction(lambda transaction: _add(transaction, batch))

    def by_idempotency_key(self, client_id: str, key: str) -> tuple[str, bytes] | None:
        """The batch's id and request hash stored under the client's key."""
        row = self._database.one(
            "SELECT batch_id, request_hash FROM batches WHERE client_id = %s AND idempotency_key = %s",
            (client_id, key),
        )
        return (row["batch_id"], row["request_hash"]) if row else None

    def find(self, client_id: str, batch_id: str) -> Row | None:
        """One of the client's own batches."""
        return self._database.one(f"{_BATCH} WHERE client_id = %s AND batch_id = %s", (client_id, batch_id))

    def page(self, client_id: str, *, before: int | None, limit: int) -> list[Row]:
        """The client's batches, newest first, with sequence < `before`."""
        where, values = ["client_id = %s"], [client_id]
        if before is not None:
            where.append("sequence < %s")
            values.append(str(before))
        return self._database.all(
            f"{_BATCH} WHERE {' AND '.join(where)} ORDER BY sequence DESC LIMIT {int(limit)}", values
        )

    def counted(self, batch_ids: Iterable[str]) -> dict[str, Counted]:
        """For each of the batches, by its id."""
        found = {batch_id: Counted() for batch_id in batch_ids}
        if not found:
            return found
        marks = ", ".join(["%s"] * len(found))
        for row in self._database.all(
            "SELECT batch_id, state, COUNT(*) AS count FROM rvpxbverification_request_data"
            f" WHERE batch_id IN ({marks}) GROUP BY batch_id, state",
            tuple(found),
        ):
            found[row["batch_id"]].by_state[State(row["state"])] = row["count"]
        for row in self._database.all(
            "SELECT batch_id, COUNT(*) AS count FROM batch_items"
            f" WHERE batch_id IN ({marks}) AND inspection_id IS NULL GROUP BY batch_id",
            tuple(found),
        ):
            found[row["batch_id"]].refused = row["count"]
        return found

    def items(self, batch_id: str, *, after: int, state: str | None, limit: int) -> list[Row]:
        """Lines after line `after`, in their order; `state` is an inspection's, or refused."""
        where, values = ["i.batch_id = %s", "i.line > %s"], [batch_id, str(after)]
        if state == "refused":
            where.append("i.inspection_id IS NULL")
        elif state is not None:
            where.append("q.state = %s")
            values.append(state)
        return self._database.all(
            "SELECT i.line, i.custom_id, i.inspection_id, COALESCE(q.state, 'refused') AS state,"
            " COALESCE(i.code, f.code) AS code, COALESCE(i.detail, f.detail) AS detail FROM batch_items i"
            " LEFT JOIN rvpxbverification_request_data q ON q.inspection_id = i.inspection_id"
            " LEFT JOIN rvpxbverification_fail f ON f.inspection_id = i.inspection_id"
            f" WHERE {' AND '.join(where)} ORDER BY i.line LIMIT {int(limit)}",
            values,
        )

    def cancel(self, client_id: str, batch_id: str) -> bool:
        """No further line is read from here on, and what is under way is due to be cancelled; False where the batch
        had come to its end, or was cancelled, before."""
        stoppable = (*(state.value for state in sorted(UNREAD)), BatchState.RUNNING.value)
        return bool(
            self._database.execute(
                "UPDATE batches SET state = %s, next_at = UTC_TIMESTAMP(6), updated_at = UTC_TIMESTAMP(6)"
                " WHERE client_id = %s AND batch_id = %s AND state IN (%s, %s, %s)",
                (BatchState.CANCELLED.value, client_id, batch_id, *stoppable),
            )
        )


_BATCH = "SELECT sequence, batch_id, name, state, line_count, lines_read, created_at, finished_at FROM batches"


def _add(transaction: Transaction, batch: NewBatch) -> None:
    # One at a time for a client, or many requests at once would all find room for one more.
    transaction.one("SELECT client_id FROM clients WHERE client_id = %s FOR UPDATE", (batch.client_id,))
    found = transaction.one(
        "SELECT COUNT(*) AS unfinished FROM batches WHERE client_id = %s AND finished_at IS NULL", (batch.client_id,)
    )
    if found is not None and found["unfinished"] >= MOST_UNFINISHED:
        detail = f"The client has {MOST_UNFINISHED} batches that are not finished, as many as it may."
        raise TooManyRunning(detail, retry_after_s=COME_BACK_S)
    transaction.execute(
        "INSERT INTO batches (batch_id, client_id, idempotency_key, request_hash, name, state, manifest_key,"
        " line_count, next_at, created_at, updated_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))",
        (
            batch.batch_id,
            batch.client_id,
            batch.idempotency_key,
            batch.request_hash,
            batch.name,
            BatchState.ACCEPTED.value,
            batch.manifest_key,
            batch.line_count,
        ),
    )
