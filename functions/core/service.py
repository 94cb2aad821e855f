"""Whether the service is open now, by the database's clock."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from core.database import Database, Transaction
from core.hours import ServiceHours


@dataclass(frozen=True)
class Standing:
    """How it stands: moments in UTC, None where it is always open. `opens_in_s`, rounded up, is 0 while it is open."""

    open: bool
    opens_at: datetime | None
    closes_at: datetime | None
    opens_in_s: int


class Service:
    """The hours and the clock that they are held against."""

    def __init__(self, database: Database, hours: ServiceHours) -> None:
        self._database = database
        self.hours = hours

    def standing(self) -> Standing:
        """Raises Unavailable; service that is always open need not ask for the time."""
        if self.hours.always_open:
            return Standing(open=True, opens_at=None, closes_at=None, opens_in_s=0)
        return self._database.transaction(self.standing_in)

    def standing_in(self, transaction: Transaction) -> Standing:
        """The same, inside a transaction."""
        row = transaction.one("SELECT UTC_TIMESTAMP(6) AS now")
        assert row is not None
        now = row["now"].replace(tzinfo=UTC)
        is_open, opens_at = self.hours.is_open(now), self.hours.next_opening(now)
        opens_in_s = 0 if is_open or opens_at is None else math.ceil((opens_at - now).total_seconds())
        return Standing(is_open, opens_at, self.hours.next_closing(now), opens_in_s)
