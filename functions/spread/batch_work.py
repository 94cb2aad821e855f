"""The tables of batches as the worker uses them, all fenced by the batch's lease.

`next_at` says when a message for the batch is due. A message that comes before its time finds nothing to claim, so of
two that are on their way by mistake one goes on and the other ends.
"""

from dataclasses import dataclass

from core.batches import BatchLine, BatchState, LostBatch, add_line
from core.database import Database, DuplicateKey, Row, Transaction
from core.states import FINAL
from core.webhook_outbox import tell_of_batch

EARLY_S = 1  # how much before its time a message may come: queues count whole seconds
_FINAL = ", ".join(f"'{state.value}'" for state in sorted(FINAL))


@dataclass(frozen=True)
class ClaimedBatch:
    """A batch that this worker may work on until its lease ends."""

    batch_id: str
    client_id: str
    owner: str
    state: BatchState
    manifest_key: str
    line_count: int
    lines_read: int
    bytes_read: int


class UnknownBatch(Exception):
    """A message names a batch that no row knows: poison, for the dead-letter queue."""


class BatchWork:
    """Steps over one `Database`. All raise Unavailable when it is away."""

    def __init__(self, database: Database, lease_s: int) -> None:
        self._database = database
        self._lease_s = lease_s

    def claim(self, batch_id: str, owner: str) -> ClaimedBatch | None:
        """Take the lease if something is due and nobody holds it. Raises UnknownBatch."""

        def work(transaction: Transaction) -> ClaimedBatch | None:
            won = transaction.execute(
                "UPDATE batches SET lease_owner = %s, lease_until = UTC_TIMESTAMP(6) + INTERVAL %s SECOND,"
                " updated_at = UTC_TIMESTAMP(6) WHERE batch_id = %s"
                " AND next_at <= UTC_TIMESTAMP(6) + INTERVAL %s SECOND"
                " AND (lease_until IS NULL OR lease_until < UTC_TIMESTAMP(6))",
                (owner, self._lease_s, batch_id, EARLY_S),
            )
            row = transaction.one(
                "SELECT batch_id, client_id, state, manifest_key, line_count, lines_read, bytes_read FROM batches"
                " WHERE batch_id = %s",
                (batch_id,),
            )
            if row is None:
                raise UnknownBatch(batch_id)
            return ClaimedBatch(owner=owner, **{**row, "state": BatchState(row["state"])}) if won else None

        return self._database.transaction(work)

    def lines_done(self, batch: ClaimedBatch) -> set[int]:
        """Lines after `lines_read` that have their row: a worker was cut off between them and its note."""
        rows = self._database.all(
            "SELECT line FROM batch_items WHERE batch_id = %s AND line > %s", (batch.batch_id, batch.lines_read)
        )
        return {row["line"] for row in rows}

    def refuse(self, line: BatchLine, code: str, detail: str) -> None:
        """Store why a line became no inspection; a row that is there already stays. Raises LostBatch."""
        try:
            self._database.transaction(lambda transaction: add_line(transaction, line, None, code, detail))
        except DuplicateKey:
            return

    def note(self, batch: ClaimedBatch, state: BatchState, lines_read: int, bytes_read: int) -> None:
        """How far the manifest is read; the lease begins anew. Raises LostBatch."""
        noted = self._database.execute(
            "UPDATE batches SET state = %s, lines_read = %s, bytes_read = %s,"
            " lease_until = UTC_TIMESTAMP(6) + INTERVAL %s SECOND, updated_at = UTC_TIMESTAMP(6)"
            " WHERE batch_id = %s AND lease_owner = %s AND state IN ('accepted', 'reading')",
            (state.value, lines_read, bytes_read, self._lease_s, batch.batch_id, batch.owner),
        )
        if not noted:
            raise LostBatch(f"{batch.batch_id} is no longer this worker's to read")

    def unfinished(self, batch_id: str, limit: int) -> list[str]:
        """Inspections of the batch that are not final, at most `limit` of them."""
        rows = self._database.all(
            "SELECT inspection_id FROM rvpxbverification_request_data"
            f" WHERE batch_id = %s AND state NOT IN ({_FINAL}) LIMIT {int(limit)}",
            (batch_id,),
        )
        return [row["inspection_id"] for row in rows]

    def lines(self, batch_id: str, *, after: int, limit: int) -> list[Row]:
        """What is known of the lines after line `after`, in their order."""
        return self._database.all(
            "SELECT line, custom_id, inspection_id, code, detail FROM batch_items"
            f" WHERE batch_id = %s AND line > %s ORDER BY line LIMIT {int(limit)}",
            (batch_id, after),
        )

    def finish(self, batch: ClaimedBatch) -> None:
        """The batch comes to its end, cancelled or finished, and its client is told. Raises LostBatch."""

        def work(transaction: Transaction) -> None:
            ended = transaction.execute(
                "UPDATE batches SET state = IF(state = 'cancelled', state, 'finished'), next_at = NULL,"
                " lease_owner = NULL, lease_until = NULL, finished_at = UTC_TIMESTAMP(6), updated_at = UTC_TIMESTAMP(6)"
                " WHERE batch_id = %s AND lease_owner = %s AND state IN ('running', 'cancelled')"
                " AND finished_at IS NULL",
                (batch.batch_id, batch.owner),
            )
            if not ended:
                raise LostBatch(f"{batch.batch_id} is no longer this worker's to end")
            tell_of_batch(transaction, batch.batch_id, batch.client_id)

        self._database.transaction(work)

    def release(self, batch: ClaimedBatch, delay_s: int) -> bool:
        """Give the lease back until `delay_s` seconds are over; False where it was lost, or nothing is left to do."""
        return bool(
            self._database.execute(
                "UPDATE batches SET lease_owner = NULL, lease_until = NULL, updated_at = UTC_TIMESTAMP(6),"
                " next_at = UTC_TIMESTAMP(6) + INTERVAL IF(state = 'cancelled', 0, %s) SECOND"
                " WHERE batch_id = %s AND lease_owner = %s AND finished_at IS NULL",
                (delay_s, batch.batch_id, batch.owner),
            )
        )
