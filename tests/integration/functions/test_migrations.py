"""Migrations against a real database: once each, in order, one run at a time, and on from where a run stopped."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pymysql
import pytest

from migrate.apply import apply
from migrate.errors import Locked, MigrationChanged, MigrationFailed, Unreachable, UserFailed
from migrate.schema import Migration, Schema, read_schema
from migrate.update import SignIn, Waits, update
from scrutineer.database_address import Connection
from scrutineer.local.database import Database as Server

DATABASE = Path(__file__).parents[3] / "database"
AT_ONCE = Waits(lock_s=5, database_s=0)
NAME = "scrutineer_migrations"


@pytest.fixture
def at(mariadb: Server) -> Iterator[Connection]:
    """The owner's way to a database without tables."""
    with mariadb.connection.open(autocommit=True) as server, server.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {NAME} CHARACTER SET utf8mb4")
        yield replace(mariadb.connection, name=NAME)
        cursor.execute(f"DROP DATABASE {NAME}")


@pytest.fixture
def query(at: Connection) -> Callable[[str], list[tuple[Any, ...]]]:
    def query(statement: str) -> list[tuple[Any, ...]]:
        with at.open(autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    return query


@pytest.fixture
def user(mariadb: Server) -> Iterator[SignIn]:
    """One that is not there yet, and is not there afterwards."""
    yield SignIn("scrutineer_new", "first password's")
    with mariadb.connection.open(autocommit=True) as server, server.cursor() as cursor:
        cursor.execute("DROP USER IF EXISTS scrutineer_new@'%'")


def run(at: Connection, *migrations: Migration, wait_s: int = 5) -> list[str]:
    with at.open(autocommit=True) as connection:
        return apply(connection, migrations, wait_s=wait_s)


def run_update(at: Connection, schema: Schema, application: SignIn, owner: SignIn | None = None) -> list[str]:
    def open_as(sign_in: SignIn) -> "pymysql.Connection[Any]":
        return replace(at, user=sign_in.user, password=sign_in.password).open(autocommit=True)

    return update(schema, open_as, owner or SignIn(at.user, at.password), application, AT_ONCE)


A = Migration("0001_a", ("CREATE TABLE a (n INT)", "INSERT INTO a VALUES (1)"))
B = Migration("0002_b", ("ALTER TABLE a ADD COLUMN m INT NULL", "INSERT INTO a VALUES (2, 2)"))


def test_each_is_run_once_and_in_order(at: Connection, query: Callable[[str], list[tuple[Any, ...]]]) -> None:
    assert run(at, A) == ["0001_a"]
    assert run(at, A, B) == ["0002_b"]
    assert run(at, A, B) == []
    assert query("SELECT n, m FROM a ORDER BY n") == [(1, None), (2, 2)]


def test_the_version_before_lets_what_it_does_not_know_alone(at: Connection) -> None:
    """A deployment that is rolled back runs the migrations of the version before, on tables that are ahead of it."""
    run(at, A, B)
    assert run(at, A) == []


@pytest.mark.parametrize("stop", range(4))
def test_a_run_that_failed_goes_on_at_the_statement_that_failed(
    stop: int, at: Connection, query: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    """Whichever it was: what ran before it is not run again."""
    whole = (
        "CREATE TABLE c (n INT)",
        "INSERT INTO c VALUES (1)",
        "ALTER TABLE c ADD COLUMN m INT",
        "INSERT INTO c VALUES (2, 2)",
    )
    broken = Migration("0003_c", (*whole[:stop], "INSERT INTO nowhere VALUES (1)", *whole[stop + 1 :]))
    with pytest.raises(MigrationFailed, match=f"0003_c, statement {stop + 1} of 4 .INSERT INTO nowhere"):
        run(at, broken)
    assert query("SELECT done, finished_at FROM migrations") == [(stop, None)]
    assert run(at, Migration("0003_c", whole)) == ["0003_c"]
    assert query("SELECT n, m FROM c ORDER BY n") == [(1, None), (2, 2)]


def test_the_reason_says_what_and_why(at: Connection) -> None:
    run(at, A)
    with pytest.raises(MigrationFailed) as failed:
        run(at, A, Migration("0002_twice", ("ALTER TABLE a\n  ADD COLUMN n INT",)))
    assert failed.value.detail == (
        "0002_twice, statement 1 of 1 (ALTER TABLE a ADD COLUMN n INT …) failed:"
        " Duplicate column name 'n' (MySQL error 1060)."
    )
    # It was refused, so it is not taken for one that was done and not noted.
    with pytest.raises(MigrationFailed):
        run(at, A, Migration("0002_twice", ("ALTER TABLE a\n  ADD COLUMN n INT",)))


def test_rows_are_changed_with_their_note_or_not_at_all(
    at: Connection, query: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    run(at, A)
    with pytest.raises(MigrationFailed):
        run(at, A, Migration("0002_x", ("INSERT INTO a SELECT 5 UNION SELECT 'no number'",)))
    assert query("SELECT n FROM a") == [(1,)]
    assert query("SELECT begun, done FROM migrations WHERE name = '0002_x'") == [(0, 0)]


@pytest.mark.parametrize("done_before_the_cut", [False, True])
def test_a_change_of_a_table_that_was_cut_off_is_made_once(
    done_before_the_cut: bool, at: Connection, query: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    """Begun and not noted as done: MySQL may have made it after the connection was gone, or not."""
    run(at, A)
    run(at, A, Migration("0002_b", ()))
    query("UPDATE migrations SET begun = 1, finished_at = NULL WHERE name = '0002_b'")
    if done_before_the_cut:
        query(B.statements[0])
    assert run(at, A, B) == ["0002_b"]
    assert query("SELECT n, m FROM a ORDER BY n") == [(1, None), (2, 2)]


def test_a_connection_that_breaks_is_told_apart_from_a_refusal(
    at: Connection, query: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    slow = Migration("0001_slow", ("CREATE TABLE s AS SELECT SLEEP(5) AS n",))

    def kill() -> None:
        while not (
            found := query("SELECT id FROM information_schema.processlist WHERE info LIKE 'CREATE TABLE s AS%'")
        ):
            pass
        query(f"KILL {found[0][0]}")

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(MigrationFailed, match="connection broke"):
        run(at, slow)
    killer.join()
    assert query("SELECT begun, done FROM migrations") == [(1, 0)]
    assert run(at, Migration("0001_slow", ("CREATE TABLE s AS SELECT SLEEP(0) AS n",))) == ["0001_slow"]


@pytest.mark.parametrize(
    "changed",
    [
        ("CREATE TABLE a (n BIGINT)", "INSERT INTO a VALUES (1)"),
        ("INSERT INTO a VALUES (1)",),
        ("CREATE TABLE a (n INT)", "INSERT INTO a VALUES (1)", "INSERT INTO a VALUES (9)"),
    ],
)
def test_what_has_run_is_not_changed_afterwards(
    changed: tuple[str, ...], at: Connection, query: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    run(at, A)
    with pytest.raises(MigrationChanged, match="0001_a"):
        run(at, Migration("0001_a", changed), B)
    assert query("SELECT n FROM a") == [(1,)]


def test_two_at_once_do_it_once(at: Connection) -> None:
    outcomes: list[list[str]] = []
    threads = [threading.Thread(target=lambda: outcomes.append(run(at, A, B))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes, key=len) == [[], [], [], ["0001_a", "0002_b"]]


def test_a_run_that_does_not_end_is_not_waited_for_for_ever(at: Connection) -> None:
    with at.open() as holder, holder.cursor() as cursor:
        cursor.execute(f"SELECT GET_LOCK('{NAME}.migrations', 0)")
        with pytest.raises(Locked, match="within 0 seconds"):
            run(at, A, wait_s=0)
    assert run(at, A) == ["0001_a"]


def test_a_table_in_use_is_told_and_not_waited_for_with_everybody_behind(
    at: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migrate.apply.TABLE_LOCK_WAIT_S", 1)
    run(at, A)
    with at.open() as reader, reader.cursor() as cursor:
        reader.begin()
        cursor.execute("SELECT * FROM a")
        with pytest.raises(MigrationFailed, match="MySQL error 1205"):
            run(at, A, B)
    assert run(at, A, B) == ["0002_b"]


# -------------------------------------------------------------------------------------------------- the functions' user


def test_the_functions_user_is_made_and_may_do_just_what_is_listed(at: Connection, user: SignIn) -> None:
    assert run_update(at, read_schema(DATABASE), user)[0] == "0001_clients_and_keys"
    assert run_update(at, read_schema(DATABASE), user) == []
    application = replace(at, user=user.user, password=user.password)
    with application.open(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT plan FROM plans FOR UPDATE")
        cursor.execute(
            "INSERT INTO audit_log (at, actor, actor_role, action, target, source_ip, request_id)"
            " VALUES (UTC_TIMESTAMP(6), 'a', 'admin', 'x', 'y', '', '')"
        )
        for refused in (
            "UPDATE audit_log SET actor = 'nobody'",
            "DELETE FROM audit_log",
            "TRUNCATE audit_log",
            "DROP TRIGGER audit_log_is_not_changed",
            "DROP TABLE audit_log",
            "ALTER TABLE clients ADD COLUMN x INT",
            "CREATE TABLE mine (n INT)",
            "DELETE FROM clients",
            "DELETE FROM rvpxbverification_request_data",
            "UPDATE rvpxbverification SET outcome = 'passed'",
            "SELECT * FROM migrations",
            "UPDATE migrations SET done = 0",
            "GRANT SELECT ON audit_log TO scrutineer_new@'%'",
            "CREATE USER other@'%'",
            "SELECT authentication_string FROM mysql.user",
        ):
            with pytest.raises(pymysql.err.MySQLError) as error:
                cursor.execute(refused)
            # Not allowed: on a table, a schema, to drop, to make users, or by a right that only SUPER has.
            assert error.value.args[0] in (1142, 1044, 1227, 1410), (refused, error.value)


def test_a_password_that_is_no_longer_the_secrets_is_set_again(at: Connection, user: SignIn) -> None:
    """After a snapshot of former times was restored; otherwise it is left alone."""
    schema = Schema([A], {"a": ["SELECT"]})
    run_update(at, schema, user)
    later = SignIn(user.user, "another, with 'quotes' and \\ and %s")
    run_update(at, schema, later)
    with replace(at, user=later.user, password=later.password).open() as connection, connection.cursor() as cursor:
        assert cursor.execute("SELECT n FROM a") == 1
    with pytest.raises(pymysql.err.OperationalError):
        replace(at, user=user.user, password=user.password).open()


def test_rights_are_given_and_never_taken(at: Connection, user: SignIn) -> None:
    run_update(at, Schema([A], {"a": ["SELECT", "UPDATE"]}), user)
    run_update(at, Schema([A], {"a": ["SELECT"]}), user)
    with replace(at, user=user.user, password=user.password).open() as connection, connection.cursor() as cursor:
        assert cursor.execute("UPDATE a SET n = 2") == 1


def test_a_right_on_a_table_that_is_not_there_stops_it_without_the_password(at: Connection, user: SignIn) -> None:
    with pytest.raises(UserFailed, match=r"for scrutineer_new failed \(MySQL error 1146\)") as failed:
        run_update(at, Schema([A], {"nowhere": ["SELECT"]}), user)
    assert user.password not in f"{failed.value.detail}{failed.value.__cause__}{user!r}"


def test_an_owner_who_does_not_get_in_is_told(at: Connection, user: SignIn) -> None:
    with pytest.raises(Unreachable, match="refuses scrutineerowner"):
        run_update(at, Schema([A], {}), user, owner=SignIn(at.user, "wrong"))


def test_a_database_that_is_away_is_told(at: Connection, user: SignIn) -> None:
    with pytest.raises(Unreachable, match="can't be reached"):
        run_update(replace(at, port=9), Schema([A], {}), user)


# ---------------------------------------------------------------------------------------- two versions, the same tables


def test_rows_of_the_version_before_fit_after_each_migration(
    at: Connection, query: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    """At every step: a row with just the columns that the version before knew is taken, and those columns are read."""
    migrations = read_schema(DATABASE).migrations
    for count in range(1, len(migrations)):
        run(at, *migrations[:count])
        known = columns(query)
        run(at, *migrations[: count + 1])
        with at.open() as connection, connection.cursor() as cursor:
            for table, types in known.items():
                names = ", ".join(types)
                cursor.execute(f"SELECT {names} FROM {table}")
                values = [value_of(kind, f"{count}{table}{name}") for name, kind in types.items()]
                cursor.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join(['%s'] * len(values))})", values)
            connection.rollback()


def columns(query: Callable[[str], list[tuple[Any, ...]]]) -> dict[str, dict[str, str]]:
    """Types by column by table, without what a row gets by itself."""
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in query(
        "SELECT table_name, column_name, data_type FROM information_schema.columns"
        f" WHERE table_schema = '{NAME}' AND table_name <> 'migrations' AND extra = '' ORDER BY ordinal_position"
    ):
        found.setdefault(table, {})[column] = kind
    return found


def value_of(kind: str, seed: str) -> Any:
    digest = hashlib.sha256(seed.encode())
    if "int" in kind:
        return digest.digest()[0] % 100 + 2
    if kind == "json":
        return "{}"
    if kind == "binary":
        return digest.digest()
    if kind in ("date", "datetime"):
        return "2026-01-01"
    return digest.hexdigest()[:10] if kind == "varchar" else "{}"
