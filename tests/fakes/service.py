"""Service hours without a clock behind them, and a database whose clock is moved."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from core.database import Database, Row, Transaction, Values
from core.hours import service_hours
from core.service import Service, Standing
from core.settings import DatabaseSettings
from tests.fakes.database import FakeDatabase

T = TypeVar("T")
ALWAYS = service_hours("00:00", "24:00", "UTC")
FIRM = service_hours("06:00", "24:00", "Asia/Kolkata")
OPENS_AT = datetime(2026, 1, 3, 0, 30, tzinfo=UTC)


def always_open() -> Service:
    """Needs no clock."""
    return Service(FakeDatabase(), ALWAYS)


class ClosedService(Service):
    """Closed for another `opens_in_s` seconds, until OPENS_AT."""

    def __init__(self, opens_in_s: int = 3600) -> None:
        super().__init__(FakeDatabase(), FIRM)
        self._standing = Standing(open=False, opens_at=OPENS_AT, closes_at=None, opens_in_s=opens_in_s)

    def standing(self) -> Standing:
        return self._standing

    def standing_in(self, transaction: Transaction) -> Standing:
        return self._standing


class MovedClock:
    """What a database's clock shows, for all that use a `MovedDatabase` with it."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def tick(self, **by: float) -> None:
        """`by` as timedelta takes it."""
        self.at += timedelta(**by)


class MovedDatabase(Database):
    """The real database; every statement runs at the clock's time (MariaDB's session variable `timestamp`)."""

    def __init__(self, settings: DatabaseSettings, clock: MovedClock) -> None:
        super().__init__(settings)
        self._clock = clock

    def transaction(self, work: Callable[[Transaction], T]) -> T:
        self._move()
        return super().transaction(work)

    def one(self, statement: str, values: Values = None) -> Row | None:
        self._move()
        return super().one(statement, values)

    def all(self, statement: str, values: Values = None) -> list[Row]:
        self._move()
        return super().all(statement, values)

    def execute(self, statement: str, values: Values = None) -> int:
        self._move()
        return super().execute(statement, values)

    def _move(self) -> None:
        super().execute(f"SET timestamp = {self._clock.at.timestamp():.6f}")
