"""The private MariaDB and its migrations."""

import dataclasses
import threading

import pymysql
import pytest

from scrutineer.errors import UserError
from scrutineer.local.database import Database
from scrutineer.local.processes import Processes
from scrutineer.local.settings import ROOT, default_cache
from scrutineer.migrations import apply_migrations, pending_migrations


@pytest.fixture
def empty(stack):
    connection = dataclasses.replace(stack.database, name="scrutineer_migrations")
    with stack.database.open(autocommit=True) as server, server.cursor() as cursor:
        cursor.execute("CREATE DATABASE scrutineer_migrations CHARACTER SET utf8mb4")
        yield connection
        cursor.execute("DROP DATABASE scrutineer_migrations")


def rows(connection, query):
    with connection.open() as opened, opened.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def test_settings(stack):
    assert rows(stack.database, "SELECT @@character_set_server, @@time_zone, @@bind_address") == (
        ("utf8mb4", "+00:00", "127.0.0.1"),
    )
    assert rows(stack.database, "SELECT name, colour FROM things") == (("café", "grün"),)


def test_its_folder_may_lie_deeper_than_a_sockets_path_may_be_long(tmp_path):
    folder = tmp_path.joinpath(*["a" * 50] * 3)
    folder.mkdir(parents=True)
    with Processes() as processes:
        server = Database(folder, cache=default_cache(), processes=processes, log_path=folder / "log")
        server.start()
        assert rows(server.connection, "SELECT 1") == ((1,),)
        server.stop()


def test_migrations_are_applied_once_by_whoever_comes_first(empty, sample_settings):
    applied = []
    threads = [
        threading.Thread(target=lambda: applied.append(apply_migrations(empty, sample_settings.migrations)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(applied, key=len) == [[], [], ["0001_things", "0002_more_things"]]
    assert apply_migrations(empty, sample_settings.migrations) == []
    assert rows(empty, "SELECT COUNT(*) FROM things") == ((1,),)


def test_what_is_not_applied_yet_is_told_without_applying_it(empty, sample_settings):
    names = ["0001_things", "0002_more_things"]
    assert pending_migrations(empty, sample_settings.migrations) == names
    assert pending_migrations(empty, sample_settings.migrations) == names
    apply_migrations(empty, sample_settings.migrations)
    assert pending_migrations(empty, sample_settings.migrations) == []


def test_tables_of_the_one_machine_stop_migrating_and_keep_their_rows(empty):
    with empty.open(autocommit=True) as opened, opened.cursor() as cursor:
        cursor.execute("CREATE TABLE rvpxbverification_request_data (waybill VARCHAR(40))")
        cursor.execute("INSERT INTO rvpxbverification_request_data VALUES ('waybill 1')")
    with pytest.raises(UserError, match=r"0002_inspections, statement 1 of 3 .*already exists"):
        apply_migrations(empty, ROOT / "database")
    assert rows(empty, "SELECT * FROM rvpxbverification_request_data") == (("waybill 1",),)


def test_a_committed_row_survives_a_kill(stack):
    with stack.database.open(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("REPLACE INTO things VALUES (2, 'kept', NULL)")
    stack.database_server.kill()
    with pytest.raises(pymysql.err.OperationalError):
        stack.database.open()
    stack.database_server.start()
    assert rows(stack.database, "SELECT name FROM things WHERE id = 2") == (("kept",),)
