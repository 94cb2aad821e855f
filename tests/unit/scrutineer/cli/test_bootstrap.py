"""`scrutineer bootstrap` against a real database: the key comes once, and a second one only when forced."""

import json
import re

from scrutineer.database_address import Connection
from tests.unit.scrutineer.cli.conftest import Command


def test_shows_the_key_once_and_refuses_a_second_admin(empty_database: Connection, command: Command) -> None:
    first = command("bootstrap", "--client", "Operations", "--database", empty_database.url)
    assert first.code == 0, first.err
    assert re.search(r"^Key: +scr_[A-Za-z0-9_-]{43}$", first.out, re.MULTILINE)
    assert "can't be shown again" in first.err
    again = command("bootstrap", "--client", "Operations", "--database", empty_database.url)
    assert again.code == 1
    assert "There is an admin already" in again.err
    assert "scr_" not in again.out + again.err
    assert f":{empty_database.password}@" not in again.err


def test_forced_and_as_json_it_is_for_the_same_client(empty_database: Connection, command: Command) -> None:
    words = ("bootstrap", "--client", "Operations", "--database", empty_database.url, "--force", "--json")
    first, second = json.loads(command(*words).out), json.loads(command(*words).out)
    assert set(first) == {"client_id", "key_id", "key"}
    assert first["client_id"] == second["client_id"]
    assert first["key"] != second["key"]


def test_a_plan_that_is_not_there_makes_nothing(empty_database: Connection, command: Command) -> None:
    done = command("bootstrap", "--client", "Operations", "--plan", "none", "--database", empty_database.url)
    assert (done.code, done.out) == (1, "")
    with empty_database.open() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM clients")
        assert cursor.fetchone() == (0,)


def test_tables_that_are_not_up_to_date_are_told_as_such(empty_database: Connection, command: Command) -> None:
    with empty_database.open(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("RENAME TABLE plans TO plans_of_later")
        try:
            done = command("bootstrap", "--client", "Operations", "--database", empty_database.url)
        finally:
            cursor.execute("RENAME TABLE plans_of_later TO plans")
    assert done.code == 1
    assert "run `scrutineer migrate` first" in " ".join(done.err.split())
