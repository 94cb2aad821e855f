"""How full a lane is before an inspection, and when it will begin: from what is measured, never from what is hoped.

Turns are fair by client, as the queues give them: before a client's m-th waiting inspection come those of its own that
wait since before, and of each other client as many of them, but no more than m. With `before` of these, `running` at
the endpoint, room for n there and a service time S (the median of the last 50 at the endpoint), it begins in

    0                                     where before < n - running
    (before - (n - running) + 1) * S / n  otherwise, as places become free one after the other
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from statistics import median

from core.database import Database
from core.lanes import Lane

MEASURED, MEASURED_WITHIN_H = 50, 24
FARTHEST = 2000  # inspections looked at: an estimate beyond is "at least"
LONGEST_RETRY_S = 3600


@dataclass(frozen=True)
class LaneLimits:
    """How many of a lane the endpoint holds at once, and for how many more somebody may wait for the answer."""

    running: Mapping[Lane, int]
    waiting: int


@dataclass(frozen=True)
class Position:
    """An inspection's place in its lane; `service_s` and `now` None where nothing was measured lately."""

    places: int
    running: int
    before: int
    service_s: float | None
    now: datetime | None

    @property
    def waits_behind(self) -> int:
        """How many begin before it that do not run yet and find no free place; negative: so many places are free."""
        return self.before - max(0, self.places - self.running)

    @property
    def begins_in_s(self) -> float | None:
        if self.service_s is None:
            return None
        return max(0, self.waits_behind + 1) * self.service_s / self.places

    @property
    def begins_at(self) -> datetime | None:
        if self.begins_in_s is None or self.now is None:
            return None
        return (self.now + timedelta(seconds=self.begins_in_s)).replace(microsecond=0)

    @property
    def retry_after_s(self) -> int:
        """Whole seconds until it will have been served; 1 where nothing is known."""
        if self.begins_in_s is None or self.service_s is None:
            return 1
        return min(max(1, ceil(self.begins_in_s + self.service_s)), LONGEST_RETRY_S)


class LaneLoad:
    """Queries over one `Database`. All raise Unavailable when it is away."""

    def __init__(self, database: Database, limits: LaneLimits) -> None:
        self._database = database
        self._limits = limits

    def position(self, inspection_id: str, client_id: str, lane: Lane) -> Position:
        """Of an inspection that waits; held ones are in nobody's way."""
        rows = self._database.all(
            "SELECT client_id, running, COUNT(*) AS inspections FROM ("
            " SELECT client_id, COALESCE(state = 'prechecked' AND lease_until > UTC_TIMESTAMP(6), 0) AS running"
            " FROM rvpxbverification_request_data WHERE lane = %s AND state IN ('accepted', 'prechecked')"
            " AND held_until IS NULL AND sequence <"
            " (SELECT sequence FROM rvpxbverification_request_data WHERE inspection_id = %s)"
            f" LIMIT {FARTHEST}) AS earlier GROUP BY client_id, running",
            (lane.value, inspection_id),
        )
        running = 0
        waiting: Counter[str] = Counter()
        for row in rows:
            if row["running"]:
                running += row["inspections"]
            else:
                waiting[row["client_id"]] += row["inspections"]
        service_s, now = self._service()
        return Position(
            places=self._limits.running[lane],
            running=running,
            before=turns_before(client_id, waiting),
            service_s=service_s,
            now=now,
        )

    def may_be_waited_for(self, position: Position) -> bool:
        """Whether it runs at once or is among the few that wait for a place."""
        return position.waits_behind < self._limits.waiting

    def _service(self) -> tuple[float | None, datetime | None]:
        rows = self._database.all(
            "SELECT service_ms, UTC_TIMESTAMP(6) AS now_at FROM rvpxbverification_request_data"
            " WHERE inferred_at > UTC_TIMESTAMP(6) - INTERVAL %s HOUR AND service_ms IS NOT NULL"
            f" ORDER BY inferred_at DESC LIMIT {MEASURED}",
            (MEASURED_WITHIN_H,),
        )
        if not rows:
            return None, None
        now: datetime = rows[0]["now_at"]
        return median(row["service_ms"] for row in rows) / 1000, now.replace(tzinfo=UTC)


def turns_before(client_id: str, waiting: Mapping[str, int]) -> int:
    """Inspections that come before the client's next one, where `waiting` have come earlier, by client."""
    own = waiting.get(client_id, 0)
    return own + sum(min(count, own + 1) for other, count in waiting.items() if other != client_id)
