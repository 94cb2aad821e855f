"""How much is under way, for whoever looks at the service from outside: counted once a minute, changing nothing."""

from dataclasses import dataclass

from core.database import Database
from core.lanes import Lane

_UNDER_WAY = "state IN ('accepted', 'prechecked', 'inferred') AND held_until IS NULL"


@dataclass(frozen=True)
class Unfinished:
    """`oldest_s`: how long the interactive inspection that waits longest has been under way, 0 where there is none."""

    interactive: int
    bulk: int
    oldest_s: int


def look(database: Database) -> Unfinished:
    """What is neither final nor held. Raises Unavailable."""
    counts = {
        row["lane"]: int(row["inspections"])
        for row in database.all(
            f"SELECT lane, COUNT(*) AS inspections FROM rvpxbverification_request_data WHERE {_UNDER_WAY} GROUP BY lane"
        )
    }
    oldest = database.one(
        "SELECT COALESCE(TIMESTAMPDIFF(SECOND, MIN(COALESCE(released_at, accepted_at)), UTC_TIMESTAMP(6)), 0)"
        f" AS oldest_s FROM rvpxbverification_request_data WHERE lane = %s AND {_UNDER_WAY}",
        (Lane.INTERACTIVE.value,),
    )
    assert oldest is not None
    return Unfinished(counts.get(Lane.INTERACTIVE.value, 0), counts.get(Lane.BULK.value, 0), int(oldest["oldest_s"]))
