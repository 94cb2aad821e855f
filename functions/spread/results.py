"""A batch's results in two files: every line's inspection whole as JSON Lines, and a table for spreadsheets.

Written a page at a time to the disk and from there to the bucket, so the size of a batch is not the size of the memory.
"""

import csv
import io
import json
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from core.batch_objects import BatchObjects
from core.batches import results_key
from core.contract import Inspection
from core.inspection_records import InspectionRecords
from core.presentation import present
from spread.batch_work import BatchWork

PAGE = 200
COLUMNS = (
    "line",
    "custom_id",
    "reference",
    "inspection_id",
    "state",
    "reasons",
    "code",
    "detail",
    "accepted_at",
    "finished_at",
)
REFUSED = "refused"
# A spreadsheet takes a cell that begins so for a formula (OWASP, CSV injection).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")

Line = tuple[Mapping[str, Any], Inspection | None]
"""The row of a line, and its inspection if it became one."""


class Results:
    """Reads from the database, writes to the bucket."""

    def __init__(self, work: BatchWork, records: InspectionRecords, objects: BatchObjects) -> None:
        self._work = work
        self._records = records
        self._objects = objects

    def write(self, client_id: str, batch_id: str) -> None:
        """Both files, replacing what an earlier attempt left. Raises Unavailable."""
        with tempfile.TemporaryFile() as as_jsonl, tempfile.TemporaryFile() as as_csv:
            wrapper = io.TextIOWrapper(as_csv, encoding="utf-8", newline="", write_through=True)
            table = csv.writer(wrapper)
            table.writerow(COLUMNS)
            for row, inspection in self._lines(batch_id):
                as_jsonl.write(json_line(row, inspection))
                table.writerow(table_row(row, inspection))
            wrapper.detach()
            self._put(results_key(client_id, batch_id, "jsonl"), as_jsonl, "application/jsonl")
            self._put(results_key(client_id, batch_id, "csv"), as_csv, "text/csv; charset=utf-8")

    def _lines(self, batch_id: str) -> Iterator[Line]:
        after = 0
        while rows := self._work.lines(batch_id, after=after, limit=PAGE):
            whole = self._records.whole([row["inspection_id"] for row in rows if row["inspection_id"]])
            for row in rows:
                yield row, present(whole[row["inspection_id"]]) if row["inspection_id"] else None
            after = rows[-1]["line"]

    def _put(self, key: str, file: BinaryIO, media_type: str) -> None:
        file.seek(0)
        self._objects.put(key, file, media_type)


def json_line(row: Mapping[str, Any], inspection: Inspection | None) -> bytes:
    """`inspection` as `GET /v1/inspections/{inspection_id}` shows it, or the `error` that stands in its place."""
    line = {
        "line": row["line"],
        "custom_id": row["custom_id"],
        "inspection": inspection.model_dump(mode="json") if inspection else None,
        "error": None if inspection else {"code": row["code"], "detail": row["detail"]},
    }
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"


def table_row(row: Mapping[str, Any], inspection: Inspection | None) -> list[str | int]:
    """The cells of COLUMNS."""
    cells: dict[str, str | int | None] = {
        "line": row["line"],
        "custom_id": row["custom_id"],
        "state": REFUSED,
        "code": row["code"],
        "detail": row["detail"],
    }
    if inspection:
        cells |= {
            "reference": inspection.reference,
            "inspection_id": inspection.id,
            "state": inspection.state.value,
            "reasons": "; ".join(inspection.verdict.reasons) if inspection.verdict else None,
            "code": inspection.failure.code if inspection.failure else None,
            "detail": inspection.failure.detail if inspection.failure else None,
            "accepted_at": inspection.accepted_at.isoformat(),
            "finished_at": inspection.finished_at.isoformat() if inspection.finished_at else None,
        }
    return [harmless(cells.get(column)) for column in COLUMNS]


def harmless(cell: str | int | None) -> str | int:
    """Text that a spreadsheet would run as a formula becomes text, by an apostrophe before it."""
    if isinstance(cell, str) and cell.lstrip(" ").startswith(FORMULA_STARTS):
        return f"'{cell}"
    return "" if cell is None else cell
