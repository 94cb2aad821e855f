"""From rows to the batch and the items that their client sees."""

from datetime import UTC, datetime

from batches.contract import Batch, BatchCounts, BatchItem
from batches.records import Counted, NewBatch
from core.batches import BatchState
from core.database import Row
from core.states import FINAL


def present(row: Row, counted: Counted) -> Batch:
    """`row` is one of BatchRecords.find or .page."""
    final = sum(count for state, count in counted.by_state.items() if state in FINAL)
    accepted = sum(counted.by_state.values())
    done = row["line_count"] if row["finished_at"] else min(final + counted.refused, row["line_count"])
    return Batch(
        id=row["batch_id"],
        name=row["name"],
        state=row["state"],
        counts=BatchCounts(
            lines=row["line_count"],
            read=accepted + counted.refused,
            refused=counted.refused,
            unfinished=accepted - final,
            final=final,
            by_state=counted.by_state,
        ),
        progress=round(done / row["line_count"], 4),
        created_at=_utc(row["created_at"]),
        finished_at=_utc(row["finished_at"]) if row["finished_at"] else None,
    )


def present_accepted(batch: NewBatch) -> Batch:
    """What was stored a moment ago, without asking the database again; its clock is this machine's for once."""
    now = datetime.now(UTC)
    row = {
        "batch_id": batch.batch_id,
        "name": batch.name,
        "state": BatchState.ACCEPTED,
        "line_count": batch.line_count,
        "created_at": now,
        "finished_at": None,
    }
    return present(row, Counted())


def present_item(row: Row) -> BatchItem:
    """`row` is one of BatchRecords.items."""
    return BatchItem.model_validate(row)


def _utc(moment: datetime) -> datetime:
    """MySQL's DATETIME has no zone; ours are all UTC."""
    return moment.replace(tzinfo=UTC)
