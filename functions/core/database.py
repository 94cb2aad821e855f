"""MySQL through one connection a process: transactions that are run again on a deadlock, clear errors when it is away.

Clocks are the database's: statements say UTC_TIMESTAMP(6) themselves, so no worker's clock and no session time zone
matters, and nothing is SET on the session (RDS Proxy would pin the connection to this client).
"""

import random
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pymysql
from pymysql.constants import CLIENT
from pymysql.cursors import DictCursor

from core.errors import Unavailable
from core.observability import metrics
from core.settings import DatabaseSettings

T = TypeVar("T")
Row = dict[str, Any]
Values = Sequence[Any] | Mapping[str, Any] | None

DUPLICATE_KEY = 1062
NOT_ALLOWED = frozenset({1142, 1143})  # a right that is not in database/rights.json: a bug of ours and no outage
RUN_AGAIN = frozenset({1205, 1213})  # lock wait timeout, deadlock: InnoDB rolled back, the same work may be repeated
TRIES = 3
LONGEST_PAUSE_S = 0.05  # before the second try; two that met once at the same rows do not meet again at once
CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 3, 10


class DuplicateKey(Exception):
    """A unique key refused the row: somebody else has stored it already."""


class Transaction(Protocol):
    """What runs inside `Database.transaction`."""

    def execute(self, statement: str, values: Values = None) -> int:
        """Run one statement; the number of rows it touched."""

    def one(self, statement: str, values: Values = None) -> Row | None:
        """The first row of a query, or None."""

    def all(self, statement: str, values: Values = None) -> list[Row]:
        """All rows of a query."""


class Database:
    """Opens on first use, drops a connection that failed, never hides that the server is away (`Unavailable`)."""

    def __init__(
        self,
        settings: DatabaseSettings,
        token: Callable[[], str] | None = None,
        *,
        read_timeout_s: float = READ_TIMEOUT_S,
        trusted: Path | None = None,
    ) -> None:
        """`token` gives the IAM sign-in token (15 minutes valid, so asked for at every connect).

        `trusted` are certificates (PEM) in place of the machine's own: Amazon's public ones, which a proxy of RDS has.
        """
        self._settings = settings
        self._read_timeout_s = read_timeout_s
        self._trusted = trusted
        self._token = token
        self._connection: pymysql.Connection[DictCursor] | None = None

    def transaction(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` and commit. A deadlock repeats the whole of it, at most 3 times in all.

        Raises:
            DuplicateKey: a unique key refused a row; nothing was stored.
            Unavailable: the server is away, read-only, or kept on deadlocking. If it went away during COMMIT, nobody
                knows what was stored: the caller's retry, by the same idempotency key or lease, finds out.
        """
        return self._with_retries(lambda: self._run(work))

    def one(self, statement: str, values: Values = None) -> Row | None:
        """The first row of a query, or None."""
        return self._with_retries(lambda: self._read(lambda transaction: transaction.one(statement, values)))

    def all(self, statement: str, values: Values = None) -> list[Row]:
        """All rows of a query."""
        return self._with_retries(lambda: self._read(lambda transaction: transaction.all(statement, values)))

    def execute(self, statement: str, values: Values = None) -> int:
        """One statement, committed at once; the number of rows it matched."""
        return self._with_retries(lambda: _CursorTransaction(self._connected().cursor()).execute(statement, values))

    def close(self) -> None:
        """Forget the connection; the next use opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(pymysql.err.MySQLError):
                connection.close()

    def _with_retries(self, run: Callable[[], T]) -> T:
        for attempt in range(1, TRIES + 1):
            try:
                return run()
            except pymysql.err.IntegrityError as error:
                if _number(error) == DUPLICATE_KEY:
                    raise DuplicateKey(str(error)) from error
                raise
            except (pymysql.err.OperationalError, pymysql.err.InterfaceError, pymysql.err.InternalError) as error:
                if _number(error) in NOT_ALLOWED:
                    raise
                # 1290 and 1836 (read-only after a failover) come here too: a new connection finds the new writer.
                if _number(error) not in RUN_AGAIN:
                    self.close()
                    raise Unavailable("The database is not reachable at the moment.", retry_after_s=5) from error
                metrics.add_metric("DatabaseDeadlocks", "Count", 1)
                if attempt == TRIES:
                    raise Unavailable("The database is too busy at the moment.", retry_after_s=5) from error
                time.sleep(random.uniform(0, LONGEST_PAUSE_S * attempt))
        raise AssertionError("unreachable")

    def _run(self, work: Callable[[Transaction], T]) -> T:
        connection = self._connected()
        with connection.cursor() as cursor:
            try:
                connection.begin()
                result = work(_CursorTransaction(cursor))
                connection.commit()
                return result
            except BaseException:
                self._roll_back(connection)
                raise

    def _read(self, query: Callable[[Transaction], T]) -> T:
        """A query may be asked twice, so it need not ask first whether the connection lives: half the round trips."""
        if self._connection is not None:
            try:
                return query(_CursorTransaction(self._connection.cursor()))
            except (pymysql.err.OperationalError, pymysql.err.InterfaceError) as error:
                if _number(error) in RUN_AGAIN:
                    raise
                self.close()
        return query(_CursorTransaction(self._connected().cursor()))

    def _roll_back(self, connection: "pymysql.Connection[DictCursor]") -> None:
        try:
            connection.rollback()
        except pymysql.err.MySQLError:
            self.close()

    def _connected(self) -> "pymysql.Connection[DictCursor]":
        if self._connection is not None:
            try:
                self._connection.ping(reconnect=False)  # a frozen Lambda wakes up with a connection long closed
            except pymysql.err.MySQLError:
                self.close()
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> "pymysql.Connection[DictCursor]":
        settings = self._settings
        return pymysql.connect(
            host=settings.host,
            port=settings.port,
            user=settings.user,
            password=self._token() if self._token else settings.password,
            database=settings.name,
            charset="utf8mb4",
            cursorclass=DictCursor,
            client_flag=CLIENT.FOUND_ROWS,  # an UPDATE counts the rows it matched, changed or not
            autocommit=True,
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=self._read_timeout_s,
            write_timeout=self._read_timeout_s,
            ssl=ssl.create_default_context(cafile=self._trusted) if settings.tls else None,
            ssl_disabled=not settings.tls,  # or pymysql would load the certificates, 26 ms, for a TLS that is not asked
        )


class _CursorTransaction:
    def __init__(self, cursor: DictCursor) -> None:
        self._cursor = cursor

    def execute(self, statement: str, values: Values = None) -> int:
        return self._cursor.execute(statement, values)

    def one(self, statement: str, values: Values = None) -> Row | None:
        self._cursor.execute(statement, values)
        return self._cursor.fetchone()

    def all(self, statement: str, values: Values = None) -> list[Row]:
        self._cursor.execute(statement, values)
        return list(self._cursor.fetchall())


def _number(error: Exception) -> int:
    return error.args[0] if error.args and isinstance(error.args[0], int) else 0
