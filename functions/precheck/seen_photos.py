"""Which of an inspection's photos its client has handed in before, for another parcel.

What the photos look like is committed before anything is looked for: of two inspections with the same photo at the same
moment at least one finds the other. What is written depends on the photos alone and the first time counts, so another
attempt, or a late worker's, changes nothing and looks from the same moment.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from core.database import Database, Row
from core.states import State
from core.work_records import Claimed
from precheck.appearance import MAX_DISTANCE, Appearance, Look

# Nobody got an answer from these, so their photos may come again.
UNUSED = frozenset({State.REJECTED, State.ERROR, State.CANCELLED, State.EXPIRED})
COMMITS_WITHIN_S = 5  # what was written at the same moment may be seen first from either side
MAX_CANDIDATES = 20_000  # of a photo; the newest

_KEPT = "SELECT inspection_id, photo_index, appearance, sha256, created_at FROM photo_fingerprints"
_IN_TIME = (
    "client_id = %s AND created_at > %s - INTERVAL %s SECOND"
    f" AND created_at < %s + INTERVAL {COMMITS_WITHIN_S} SECOND AND inspection_id <> %s"
)


class SeenPhotos:
    """Over one `Database`. Raises Unavailable when it is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def window_s(self, client_id: str) -> int | None:
        """For how long the client's photos are remembered; None: they are not compared."""
        row = self._database.one("SELECT photo_match_window_s FROM clients WHERE client_id = %s", (client_id,))
        return row["photo_match_window_s"] if row else None

    def note_and_find(self, claimed: Claimed, thumbnails: Sequence[bytes], window_s: int) -> list[dict[str, Any]]:
        """Keep what the photos look like; `index`, `inspection_id` and `photo` of each that was seen before: its index,
        and the client's earliest inspection and photo in the window that show the same picture.

        `thumbnails` are those of the claim's photos, in their order.
        """
        looks = [Look(thumbnail) for thumbnail in thumbnails]
        since = self._note(claimed, [look.appearance() for look in looks])
        found: dict[int, list[Row]] = {}
        for photo, look in zip(claimed.photos, looks, strict=True):
            found[photo["index"]] = self._same_picture(claimed, photo, look, since, window_s)
        counting = self._counting(claimed, {row["inspection_id"] for rows in found.values() for row in rows})
        seen = []
        for index, rows in found.items():
            earlier = [row for row in rows if row["inspection_id"] in counting]
            if earlier:
                first = min(earlier, key=lambda row: (row["created_at"], row["inspection_id"], row["photo_index"]))
                seen.append({"index": index, "inspection_id": first["inspection_id"], "photo": first["photo_index"]})
        return seen

    def _note(self, claimed: Claimed, appearances: Sequence[Appearance]) -> datetime:
        """When they were written first."""
        rows = ", ".join(["(%s, %s, %s, %s, %s, %s, %s, %s, UTC_TIMESTAMP(6))"] * len(appearances))
        values: list[Any] = []
        for photo, appearance in zip(claimed.photos, appearances, strict=True):
            values += [claimed.inspection_id, photo["index"], claimed.client_id, bytes.fromhex(photo["sha256"])]
            values += [appearance.bits, *appearance.bands]
        self._database.execute(
            "INSERT INTO photo_fingerprints (inspection_id, photo_index, client_id, sha256, appearance, band_1, band_2,"
            f" band_3, created_at) VALUES {rows} ON DUPLICATE KEY UPDATE photo_index = photo_index",
            values,
        )
        row = self._database.one(
            "SELECT MIN(created_at) AS since FROM photo_fingerprints WHERE inspection_id = %s", (claimed.inspection_id,)
        )
        assert row is not None
        since: datetime = row["since"]
        return since

    def _same_picture(
        self, claimed: Claimed, photo: Mapping[str, Any], look: Look, since: datetime, window_s: int
    ) -> list[Row]:
        in_time = (claimed.client_id, since, window_s, since, claimed.inspection_id)
        sha256 = bytes.fromhex(photo["sha256"])
        parts, values = [f"{_KEPT} WHERE {_IN_TIME} AND sha256 = %s"], [*in_time, sha256]
        for number, band in enumerate(look.bands(), 1):
            parts.append(f"{_KEPT} WHERE {_IN_TIME} AND band_{number} IN ({', '.join(str(value) for value in band)})")
            values += in_time
        candidates = self._database.all(
            f"{' UNION '.join(parts)} ORDER BY created_at DESC LIMIT {MAX_CANDIDATES}", values
        )
        distances = look.distances([row["appearance"] for row in candidates])
        return [
            row
            for row, distance in zip(candidates, distances, strict=True)
            if distance <= MAX_DISTANCE or row["sha256"] == sha256
        ]

    def _counting(self, claimed: Claimed, inspection_ids: set[str]) -> set[str]:
        """Those of another parcel that got, or may yet get, a verdict."""
        if not inspection_ids:
            return set()
        marks = ", ".join(["%s"] * (len(inspection_ids) + 1))
        rows = self._database.all(
            "SELECT inspection_id, state, reference, item FROM rvpxbverification_request_data"
            f" WHERE inspection_id IN ({marks})",
            (claimed.inspection_id, *inspection_ids),
        )
        by_id = {row["inspection_id"]: row for row in rows}
        own = by_id.pop(claimed.inspection_id)
        return {
            inspection_id
            for inspection_id, row in by_id.items()
            if State(row["state"]) not in UNUSED and _another_parcel(own, row)
        }


def _another_parcel(one: Row, other: Row) -> bool:
    """By the client's own references; where one of the two has none, by the item, since that is all there is."""
    if one["reference"] and other["reference"]:
        return bool(one["reference"].casefold() != other["reference"].casefold())
    return bool(json.loads(one["item"]) != json.loads(other["item"]))
