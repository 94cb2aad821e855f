"""The first admin key: what reaches a real database is what the functions look for."""

import json
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest

from admin.keys import HINT_CHARACTERS, PREFIX
from authorizer.authorize import hash_credential
from authorizer.credential import ApiKey, credential_of
from core.audit import Deed
from core.database import Database
from core.errors import Conflict, InvalidRequest
from core.identifiers import is_identifier
from core.principal_records import PrincipalRecords
from core.roles import Role
from core.settings import DatabaseSettings
from migrate.first_admin import HINT_LENGTH, KEY_PREFIX, NewKey, Wanted, make_first_admin
from scrutineer.database_address import Connection


@pytest.fixture
def settings(application: Connection) -> DatabaseSettings:
    """As all functions sign in, over tables without a client."""
    at = application
    return DatabaseSettings(at.host, at.port, at.name, at.user, "password", False, at.password)


@pytest.fixture
def rows(empty_database: Connection) -> Callable[[str], list[tuple[Any, ...]]]:
    """What a query finds."""

    def query(statement: str) -> list[tuple[Any, ...]]:
        with empty_database.open() as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    return query


def made(database: Database, client: str = "Hub 7", **options: Any) -> NewKey:
    return make_first_admin(database, Wanted(client, **options))


def test_the_functions_take_the_key_for_an_admin_on_the_standard_plan(database: Database) -> None:
    new = made(database)
    found = PrincipalRecords(database).by_key_hash(hash_credential(new.key))
    assert found is not None
    assert (found.client_id, found.actor, found.role, found.plan) == (new.client_id, new.key_id, Role.ADMIN, "standard")
    assert is_identifier(new.client_id, "client")
    assert is_identifier(new.key_id, "key")


def test_keys_have_256_random_bits_and_are_like_those_of_the_admin_api(database: Database) -> None:
    keys = {made(database, force=True).key for _ in range(20)}
    assert len(keys) == 20
    assert all(re.fullmatch(r"scr_[A-Za-z0-9_-]{43}", key) for key in keys)
    assert (KEY_PREFIX, HINT_LENGTH) == (PREFIX, HINT_CHARACTERS)
    assert all(credential_of({"headers": {"x-api-key": key}}) == ApiKey(key) for key in keys)


def test_the_key_is_not_shown_by_accident(database: Database) -> None:
    new = made(database)
    assert new.key not in f"{new} {new!r}"


def test_the_key_itself_is_nowhere_in_the_database(database: Database, rows, tables: list[str]) -> None:
    new = made(database)
    stored = repr([rows(f"SELECT * FROM {table}") for table in tables])
    assert new.key_id in stored
    assert new.key[:12] not in stored
    assert rows("SELECT hint FROM api_keys") == [(new.key[:8],)]


def test_the_client_can_be_counted_and_the_log_says_who_made_it(database: Database, rows) -> None:
    new = made(database)
    assert rows("SELECT client_id, day_count, month_count, running FROM client_usage") == [(new.client_id, 0, 0, 0)]
    assert rows("SELECT day = UTC_DATE(), DAYOFMONTH(month) FROM client_usage") == [(1, 1)]
    lines = rows("SELECT actor, action, target, client_id, after_it FROM audit_log ORDER BY sequence")
    assert [line[:4] for line in lines] == [
        ("bootstrap", Deed.CREATE_CLIENT, new.client_id, new.client_id),
        ("bootstrap", Deed.CREATE_KEY, new.key_id, new.client_id),
    ]
    assert json.loads(lines[1][4])["role"] == "admin"


def test_one_admin_is_enough_unless_forced(database: Database, rows) -> None:
    first = made(database)
    with pytest.raises(Conflict, match="an admin already"):
        made(database, "Another")
    assert rows("SELECT COUNT(*) FROM clients") == [(1,)]
    again = made(database, force=True)
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
def test_an_admin_that_no_longer_works_is_none(database: Database, empty_database: Connection, gone: str) -> None:
    made(database)
    with empty_database.open(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(gone)
    made(database, "Another")


def test_a_member_may_be_the_admin(database: Database, empty_database: Connection) -> None:
    first = made(database)
    with empty_database.open(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM api_keys")
        cursor.execute(
            "INSERT INTO members (member_id, client_id, name, issuer, subject, role, created_at)"
            " VALUES ('member_1', %s, 'Ann', 'https://issuer.example', 'ann', 'admin', UTC_TIMESTAMP(6))",
            (first.client_id,),
        )
    with pytest.raises(Conflict, match="an admin already"):
        made(database)


def test_a_replacing_key_ends_the_one_before_and_only_that(database: Database, rows) -> None:
    first, other = made(database), made(database, "Other", force=True)
    again = made(database, force=True, replace=True)
    assert rows("SELECT key_id FROM api_keys WHERE revoked_at IS NOT NULL") == [(first.key_id,)]
    assert again.client_id == first.client_id != other.client_id
    assert (Deed.REVOKE_KEY, first.key_id) in rows("SELECT action, target FROM audit_log")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"client": ""}, "1-100 characters"),
        ({"client": "x" * 101}, "1-100 characters"),
        ({"client": "a\x1b[2J"}, "can be printed"),
        ({"plan": "platinum"}, "no plan 'platinum'"),
    ],
)
def test_what_can_not_be_made_is_refused_whole(database: Database, rows, options: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        made(database, **options)
    assert rows("SELECT COUNT(*) FROM clients") == [(0,)]


def test_a_disabled_or_doubled_client_is_not_chosen(database: Database, empty_database: Connection) -> None:
    made(database)
    with empty_database.open(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE clients SET disabled_at = UTC_TIMESTAMP(6)")
        with pytest.raises(Conflict, match="is disabled"):
            made(database)
        cursor.execute(
            "INSERT INTO clients (client_id, name, plan, created_at)"
            " VALUES ('client_2', 'Hub 7', 'standard', UTC_TIMESTAMP(6))"
        )
    with pytest.raises(Conflict, match="More than one"):
        made(database)


def test_of_several_at_once_one_is_not_refused(connect: Callable[[], Database], rows) -> None:
    start, outcomes = threading.Barrier(8), []

    def attempt(number: int) -> None:
        own = connect()
        start.wait()
        try:
            made(own, f"Client {number}")
            outcomes.append("made")
        except Conflict:
            outcomes.append("refused")

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made"] + ["refused"] * 7
    assert rows("SELECT COUNT(*) FROM api_keys") == [(1,)]


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (None, "client"),
        ({}, "client"),
        ({"client": 7}, "client"),
        ({"client": "Hub 7", "force": "yes"}, "force"),
        ({"client": "Hub 7", "force": 1}, "force"),
        ({"client": "Hub 7", "role": "admin"}, "role"),
    ],
)
def test_what_is_asked_for_is_read_strictly(content: Any, field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Wanted.from_event(content)
    assert refused.value.field == field
