"""The first admin key: what reaches a real database is what the functions look for."""

import json
import re
import threading
from contextlib import closing
from typing import Any

import pytest

from admin.keys import HINT_CHARACTERS, PREFIX
from authorizer.authorize import hash_credential
from authorizer.credential import ApiKey, credential_of
from core.audit import Deed
from core.database import Database
from core.identifiers import is_identifier
from core.principal_records import PrincipalRecords
from core.roles import Role
from core.settings import DatabaseSettings
from scrutineer.access import HINT_LENGTH, KEY_PREFIX, NewKey, bootstrap, new_key
from scrutineer.database_address import Connection
from scrutineer.errors import UserError


@pytest.fixture
def rows(empty_database: Connection):
    """What a query finds."""

    def query(statement: str) -> list[tuple[Any, ...]]:
        with empty_database.open() as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    return query


def made(database: Connection, name: str = "Hub 7", **options: Any) -> NewKey:
    with database.open() as connection:
        return bootstrap(connection, client_name=name, **options)


def test_the_functions_take_the_key_for_an_admin_on_the_standard_plan(empty_database: Connection) -> None:
    new = made(empty_database)
    at = empty_database
    functions = Database(DatabaseSettings(at.host, at.port, at.name, at.user, "password", False, at.password))
    with closing(functions):
        found = PrincipalRecords(functions).by_key_hash(hash_credential(new.key))
    assert found is not None
    assert (found.client_id, found.actor, found.role, found.plan) == (new.client_id, new.key_id, Role.ADMIN, "standard")
    assert is_identifier(new.client_id, "client")
    assert is_identifier(new.key_id, "key")


def test_keys_have_256_random_bits_and_a_prefix_for_scanners() -> None:
    keys = {new_key() for _ in range(50)}
    assert len(keys) == 50
    assert all(re.fullmatch(r"scr_[A-Za-z0-9_-]{43}", key) for key in keys)


def test_a_key_is_like_those_that_the_functions_make() -> None:
    assert (KEY_PREFIX, HINT_LENGTH) == (PREFIX, HINT_CHARACTERS)
    key = new_key()
    assert credential_of({"headers": {"x-api-key": key}}) == ApiKey(key)


def test_the_key_itself_is_nowhere_in_the_database(empty_database: Connection, rows, tables: list[str]) -> None:
    new = made(empty_database)
    stored = repr([rows(f"SELECT * FROM {table}") for table in tables])
    assert new.key_id in stored
    assert new.key[:12] not in stored
    assert rows("SELECT hint FROM api_keys") == [(new.key[:8],)]


def test_the_client_can_be_counted_and_the_log_says_who_made_it(empty_database: Connection, rows) -> None:
    new = made(empty_database)
    assert rows("SELECT client_id, day_count, month_count, running FROM client_usage") == [(new.client_id, 0, 0, 0)]
    assert rows("SELECT day = UTC_DATE(), DAYOFMONTH(month) FROM client_usage") == [(1, 1)]
    lines = rows("SELECT actor, action, target, client_id, after_it FROM audit_log ORDER BY sequence")
    assert [line[:4] for line in lines] == [
        ("bootstrap", Deed.CREATE_CLIENT, new.client_id, new.client_id),
        ("bootstrap", Deed.CREATE_KEY, new.key_id, new.client_id),
    ]
    assert json.loads(lines[1][4])["role"] == "admin"


def test_one_admin_is_enough_unless_forced(empty_database: Connection, rows) -> None:
    first = made(empty_database)
    with pytest.raises(UserError, match="an admin already"):
        made(empty_database, "Another")
    assert rows("SELECT COUNT(*) FROM clients") == [(1,)]
    again = made(empty_database, force=True)
    assert again.client_id == first.client_id
    assert rows("SELECT COUNT(*) FROM api_keys WHERE revoked_at IS NULL") == [(2,)]


@pytest.mark.parametrize(
    "gone",
    [
        "UPDATE api_keys SET revoked_at = UTC_TIMESTAMP(6)",
        "UPDATE api_keys SET expires_at = UTC_TIMESTAMP(6)",
        "UPDATE clients SET disabled_at = UTC_TIMESTAMP(6)",
        "UPDATE api_keys SET role = 'operator'",
    ],
)
def test_an_admin_that_no_longer_works_is_none(empty_database: Connection, gone: str) -> None:
    made(empty_database)
    with empty_database.open(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(gone)
    made(empty_database, "Another")


def test_a_member_may_be_the_admin(empty_database: Connection) -> None:
    first = made(empty_database)
    with empty_database.open(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM api_keys")
        cursor.execute(
            "INSERT INTO members (member_id, client_id, name, issuer, subject, role, created_at)"
            " VALUES ('member_1', %s, 'Ann', 'https://issuer.example', 'ann', 'admin', UTC_TIMESTAMP(6))",
            (first.client_id,),
        )
    with pytest.raises(UserError, match="an admin already"):
        made(empty_database)


def test_a_replacing_key_ends_the_one_before_and_only_that(empty_database: Connection, rows) -> None:
    first, other = made(empty_database), made(empty_database, "Other", force=True)
    again = made(empty_database, force=True, replace=True)
    assert rows("SELECT key_id FROM api_keys WHERE revoked_at IS NOT NULL") == [(first.key_id,)]
    assert again.client_id == first.client_id != other.client_id
    assert (Deed.REVOKE_KEY, first.key_id) in rows("SELECT action, target FROM audit_log")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": ""}, "1-100 characters"),
        ({"name": "x" * 101}, "1-100 characters"),
        ({"name": "a\x1b[2J"}, "can be printed"),
        ({"plan": "platinum"}, "no plan 'platinum'"),
    ],
)
def test_what_can_not_be_made_is_refused_whole(
    empty_database: Connection, rows, options: dict[str, str], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        made(empty_database, **options)
    assert rows("SELECT COUNT(*) FROM clients") == [(0,)]


def test_a_disabled_or_doubled_client_is_not_chosen(empty_database: Connection) -> None:
    made(empty_database)
    with empty_database.open(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE clients SET disabled_at = UTC_TIMESTAMP(6)")
        with pytest.raises(UserError, match="is disabled"):
            made(empty_database)
        cursor.execute(
            "INSERT INTO clients (client_id, name, plan, created_at)"
            " VALUES ('client_2', 'Hub 7', 'standard', UTC_TIMESTAMP(6))"
        )
    with pytest.raises(UserError, match="More than one"):
        made(empty_database)


def test_of_two_at_once_one_is_refused(empty_database: Connection, rows) -> None:
    start, outcomes = threading.Barrier(8), []

    def attempt(number: int) -> None:
        start.wait()
        try:
            made(empty_database, f"Client {number}")
            outcomes.append("made")
        except UserError:
            outcomes.append("refused")

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made"] + ["refused"] * 7
    assert rows("SELECT COUNT(*) FROM api_keys") == [(1,)]


def test_tables_that_are_not_up_to_date_are_told_as_such(empty_database: Connection) -> None:
    with empty_database.open(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("RENAME TABLE plans TO plans_of_later")
        try:
            with pytest.raises(UserError, match="scrutineer migrate"):
                made(empty_database)
        finally:
            cursor.execute("RENAME TABLE plans_of_later TO plans")
