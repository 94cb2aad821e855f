"""Runs what a database has not had yet of its migrations: in order, forwards only, one run at a time.

MySQL commits each change of a table by itself, so a migration that stops in its middle stays half done. What has run is
therefore noted by statement, in the table `migrations`, and the next run goes on with the one that failed. Changes of
rows are committed together with their note. A change of a table can't be: its note says `begun` first and `done` after
it, and if a run is cut off between them, MySQL's complaint that the thing is there already says that it was done.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pymysql

from migrate.errors import Locked, MigrationChanged, MigrationFailed
from migrate.schema import Migration

NOTES = """
CREATE TABLE IF NOT EXISTS migrations (
    name        VARCHAR(100) NOT NULL PRIMARY KEY,
    begun       INT UNSIGNED NOT NULL,
    done        INT UNSIGNED NOT NULL,
    done_hash   BINARY(32)   NOT NULL,
    started_at  DATETIME(6)  NOT NULL,
    finished_at DATETIME(6)  NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4
"""
LOCK = "CONCAT(LEFT(DATABASE(), 50), '.migrations')"  # 64 characters at most, and one lock a database of the server
TABLE_LOCK_WAIT_S = 60  # behind an ALTER that waits for a table, every other statement on it waits too
CHANGES_ROWS = ("INSERT", "UPDATE", "DELETE", "REPLACE")
# Table, column, key, trigger or constraint exists; table, column or key to drop does not.
DONE_ALREADY = frozenset({1050, 1060, 1061, 1359, 1826, 1051, 1091})
SHOWN = 120  # characters of a statement that failed


@dataclass
class _Note:
    begun: int
    done: int
    finished: bool


def apply(connection: "pymysql.Connection[Any]", migrations: Sequence[Migration], *, wait_s: int) -> list[str]:
    """The names of those that were finished now. `connection` commits by itself and is nobody else's.

    Raises:
        Locked: another run has not ended within `wait_s`.
        MigrationChanged: a statement that has run was changed since; nothing of this migration was run.
        MigrationFailed: a statement was refused, or the connection broke; the same call goes on from there.
    """
    with _lock(connection, wait_s), connection.cursor() as cursor:
        cursor.execute(f"SET SESSION lock_wait_timeout = {TABLE_LOCK_WAIT_S}")
        cursor.execute(NOTES)
        return [migration.name for migration in migrations if _run(connection, migration)]


def pending(connection: "pymysql.Connection[Any]", migrations: Sequence[Migration]) -> list[str]:
    """The names of those that are not finished. Changes nothing and waits for nobody."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW TABLES LIKE 'migrations'")
        finished = set()
        if cursor.fetchone() is not None:
            cursor.execute("SELECT name FROM migrations WHERE finished_at IS NOT NULL")
            finished = {name for (name,) in cursor.fetchall()}
    return [migration.name for migration in migrations if migration.name not in finished]


@contextmanager
def _lock(connection: "pymysql.Connection[Any]", wait_s: int) -> Iterator[None]:
    """MySQL takes it back when the connection ends, however that comes about."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT GET_LOCK({LOCK}, %s)", (wait_s,))
        if cursor.fetchone()[0] != 1:
            raise Locked(f"Another run of the migrations has not ended within {wait_s} seconds. Try again later.")
        try:
            yield
        finally:
            with suppress(pymysql.err.MySQLError):
                cursor.execute(f"SELECT RELEASE_LOCK({LOCK})")


def _run(connection: "pymysql.Connection[Any]", migration: Migration) -> bool:
    """Whether there was anything left to do."""
    note = _note(connection, migration)
    if note.finished:
        return False
    for index in range(note.done, len(migration.statements)):
        _run_statement(connection, migration, index, begun_before=note.begun > index)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE migrations SET finished_at = UTC_TIMESTAMP(6) WHERE name = %s", (migration.name,))
    return True


def _note(connection: "pymysql.Connection[Any]", migration: Migration) -> _Note:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT begun, done, done_hash, finished_at IS NOT NULL FROM migrations WHERE name = %s", (migration.name,)
        )
        row = cursor.fetchone()
        if row is None:
            cursor.execute(
                "INSERT INTO migrations (name, begun, done, done_hash, started_at)"
                " VALUES (%s, 0, 0, %s, UTC_TIMESTAMP(6))",
                (migration.name, _hash(migration, 0)),
            )
            return _Note(0, 0, finished=False)
    begun, done, done_hash, finished = row
    if done_hash != _hash(migration, done) or (finished and done < len(migration.statements)):
        raise MigrationChanged(
            f"{migration.name}: its first {done} statements have run and are others now, or more follow them. Put them"
            " back as they were, and what is new into a migration of its own."
        )
    return _Note(begun, done, bool(finished))


def _run_statement(
    connection: "pymysql.Connection[Any]", migration: Migration, index: int, *, begun_before: bool
) -> None:
    statement = migration.statements[index]
    try:
        with connection.cursor() as cursor:
            if statement.upper().startswith(CHANGES_ROWS):
                connection.begin()
                cursor.execute(statement)
                _note_progress(cursor, migration, begun=index + 1, done=index + 1)
                connection.commit()
                return
            _note_progress(cursor, migration, begun=index + 1, done=index)
            try:
                cursor.execute(statement)
            except pymysql.err.MySQLError as error:
                if not begun_before or _code(error) not in DONE_ALREADY:
                    raise
            _note_progress(cursor, migration, begun=index + 1, done=index + 1)
    except pymysql.err.MySQLError as error:
        if _refused(error):
            connection.rollback()
            with connection.cursor() as cursor:
                _note_progress(cursor, migration, begun=index, done=index)
        where = f"{migration.name}, statement {index + 1} of {len(migration.statements)}"
        shown = " ".join(statement.split())[:SHOWN]
        raise MigrationFailed(f"{where} ({shown} …) failed: {_words(error)}") from error


def _note_progress(cursor: Any, migration: Migration, *, begun: int, done: int) -> None:
    cursor.execute(
        "UPDATE migrations SET begun = %s, done = %s, done_hash = %s WHERE name = %s",
        (begun, done, _hash(migration, done), migration.name),
    )


def _hash(migration: Migration, count: int) -> bytes:
    return hashlib.sha256("\0".join(migration.statements[:count]).encode()).digest()


def _refused(error: pymysql.err.MySQLError) -> bool:
    """Whether the server said so itself: 2000-2999 and 0 are the client's own words for a connection that broke."""
    return _code(error) != 0 and not 2000 <= _code(error) < 3000


def _words(error: pymysql.err.MySQLError) -> str:
    if not _refused(error):
        return "the connection broke before MySQL answered; the statement may still be running. Try again later."
    return f"{error.args[1]} (MySQL error {_code(error)})."


def _code(error: pymysql.err.MySQLError) -> int:
    return error.args[0] if error.args and isinstance(error.args[0], int) else 0
