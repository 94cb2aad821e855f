"""What a batch is to every stage that has to do with one: its states, its objects' names, and the row of a line.

The row of a line is stored in the transaction that accepts its inspection. So a line is never an inspection twice,
however often it is read; and once a batch is cancelled none of its lines can become one.
"""

from dataclasses import dataclass
from enum import StrEnum

from core.database import Transaction


class BatchState(StrEnum):
    """A batch's state as it is stored and as a client sees it."""

    ACCEPTED = "accepted"
    READING = "reading"
    RUNNING = "running"
    FINISHED = "finished"
    CANCELLED = "cancelled"


UNREAD = frozenset({BatchState.ACCEPTED, BatchState.READING})


class LostBatch(Exception):
    """The batch was cancelled, or another worker holds it: what this worker was about to do must not be done."""


@dataclass(frozen=True)
class BatchLine:
    """The line of a manifest that an inspection comes from, counted from 1; `owner` holds the batch's lease."""

    batch_id: str
    line: int
    custom_id: str | None
    owner: str

    @property
    def idempotency_key(self) -> str:
        """The same for the same line, whenever and by whomever it is read."""
        return f"batch:{self.batch_id}:{self.line}"


def add_line(
    transaction: Transaction,
    line: BatchLine,
    inspection_id: str | None,
    code: str | None = None,
    detail: str | None = None,
) -> None:
    """Store what became of a line: an inspection, or the reason why none did. Raises LostBatch, DuplicateKey."""
    # Selecting locks the batch's row until the commit, so a cancellation comes wholly before or wholly after.
    added = transaction.execute(
        "INSERT INTO batch_items (batch_id, line, custom_id, inspection_id, code, detail)"
        " SELECT batch_id, %s, %s, %s, %s, %s FROM batches"
        " WHERE batch_id = %s AND lease_owner = %s AND state IN ('accepted', 'reading')",
        (line.line, line.custom_id, inspection_id, code, detail and detail[:1000], line.batch_id, line.owner),
    )
    if not added:
        raise LostBatch(f"{line.batch_id} is no longer this worker's to read")


def manifest_key(client_id: str, batch_id: str) -> str:
    """What the client sent, until its last line is read."""
    return f"batches/{client_id}/{batch_id}/manifest.jsonl"


def results_key(client_id: str, batch_id: str, kind: str) -> str:
    """What became of every line; `kind` is jsonl or csv."""
    return f"batches/{client_id}/{batch_id}/results.{kind}"
