"""The archive of results: each final inspection as its client sees it, one JSON object in the bucket by client and day.

The row's `archived_at` is the outbox mark. Whoever ends an inspection sets none, so what a crash leaves unwritten is
found by its missing mark. An object, once written, is never replaced: writing again does no harm.
"""

from dataclasses import dataclass
from datetime import datetime

from core.contract import Inspection
from core.database import Database, Row
from core.end_metrics import count_end
from core.errors import ScrutineerError
from core.hot_results import HotResults
from core.inspection_records import WHOLE
from core.observability import logger, where
from core.presentation import present
from core.storage import ObjectStore, result_key


@dataclass(frozen=True)
class Portion:
    """What came of some inspections: how many were archived, how many can't be, and where the next portion begins
    (None: there is none)."""

    archived: int
    failed: int
    beyond: "Place | None"


Place = tuple[datetime, int]
START: Place = (datetime(1970, 1, 1), 0)


class ResultArchive:
    """Over one `Database`, the inspection bucket and, where hot reads are on, their table."""

    def __init__(self, database: Database, store: ObjectStore, hot: HotResults | None) -> None:
        self._database = database
        self._store = store
        self._hot = hot

    def archive_at_once(self, inspection_id: str) -> None:
        """Right after the commit that ended it; what does not succeed is left to the schedule."""
        try:
            row = self._database.one(
                f"{WHOLE} WHERE q.inspection_id = %s AND q.finished_at IS NOT NULL", (inspection_id,)
            )
            if row is not None:
                self._write(row)
        except ScrutineerError as error:
            logger.warning("final but not archived; the schedule will do it", code=error.code)

    def archive_due(self, *, after_s: int, beyond: Place, limit: int) -> Portion:
        """Up to `limit` inspections that have been final for `after_s` without being archived, oldest first.

        One that can't be shown is left behind, so that it does not stand in the way of the others. Raises Unavailable.
        """
        rows = self._database.all(
            f"{WHOLE} WHERE q.archived_at IS NULL AND q.finished_at < UTC_TIMESTAMP(6) - INTERVAL %s SECOND"
            " AND (q.finished_at > %s OR (q.finished_at = %s AND q.sequence > %s))"
            f" ORDER BY q.finished_at, q.sequence LIMIT {int(limit)}",
            (after_s, beyond[0], beyond[0], beyond[1]),
        )
        failed = 0
        for row in rows:
            try:
                self._write(row)
            except ValueError as error:  # a row that an older or newer version wrote, and this one can't read
                failed += 1
                logger.error("can't be archived", inspection_id=row["inspection_id"], where=where(error))
        last = rows[-1] if len(rows) == limit else None
        return Portion(len(rows) - failed, failed, (last["finished_at"], last["sequence"]) if last else None)

    def _write(self, row: Row) -> None:
        """Object first, then the hot table, then the mark: a mark never claims what was not written."""
        inspection = archived_form(row)
        document = inspection.model_dump_json().encode()
        client_id, inspection_id, finished_at = row["client_id"], row["inspection_id"], row["finished_at"]
        self._store.put_once(result_key(client_id, finished_at, inspection_id), document, "application/json")
        if self._hot is not None:
            self._hot.put(client_id, inspection_id, document, finished_at)
        marked = self._database.execute(
            "UPDATE rvpxbverification_request_data SET archived_at = UTC_TIMESTAMP(6)"
            " WHERE inspection_id = %s AND archived_at IS NULL",
            (inspection_id,),
        )
        if marked:
            count_end(client_id, inspection, was_held=row["released_at"] is not None)


def archived_form(row: Row) -> Inspection:
    """The inspection as it ended: that its photos went later belongs to the row alone, or bytes would differ."""
    return present({**row, "photos_deleted_at": None})
