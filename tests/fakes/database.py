"""A database that notes its statements and answers with the rows it was given."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from core.database import Database, Row, Transaction, Values
from core.errors import Unavailable

T = TypeVar("T")


class FakeDatabase(Database):
    """`executed` holds (statement, values); `rows` is what every query finds; `away` makes every use fail."""

    def __init__(self, rows: Sequence[Row] = (), *, away: bool = False) -> None:
        self.executed: list[tuple[str, Values]] = []
        self.rows = list(rows)
        self.away = away

    def execute(self, statement: str, values: Values = None) -> int:
        self._use(statement, values)
        return 1

    def one(self, statement: str, values: Values = None) -> Row | None:
        self._use(statement, values)
        return self.rows[0] if self.rows else None

    def all(self, statement: str, values: Values = None) -> list[Row]:
        self._use(statement, values)
        return self.rows

    def transaction(self, work: Callable[[Transaction], T]) -> T:
        return work(self)

    def close(self) -> None:
        """There is nothing to close."""

    def _use(self, statement: str, values: Values) -> None:
        if self.away:
            raise Unavailable("The database is not reachable at the moment.", retry_after_s=5)
        self.executed.append((statement, values))
