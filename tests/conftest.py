"""One MariaDB for the whole test run, migrated once, and empty for each test that asks for it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from scrutineer.database_address import Connection
from scrutineer.local.database import Database as Server
from scrutineer.local.processes import Processes
from scrutineer.local.settings import default_cache
from scrutineer.migrations import apply_migrations

# Powertools reads its names when core.observability is imported, by whichever suite comes first.
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Test")
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "test")

ROOT = Path(__file__).parents[1]
EMPTYING = {
    "plans": "DELETE FROM plans WHERE plan <> 'standard'",  # that one comes with the tables; leave it as it is
    "audit_log": "TRUNCATE audit_log",  # its trigger refuses to delete rows
}


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server. A test that stops it starts it again."""
    folder = tmp_path_factory.mktemp("mariadb")
    with Processes() as processes:
        server = Server(folder, cache=default_cache(), processes=processes, log_path=folder / "log")
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def tables(mariadb: Server) -> list[str]:
    """The migrated tables, without those in which migrations are noted."""
    apply_migrations(mariadb.connection, ROOT / "database")
    with mariadb.connection.open() as connection, connection.cursor() as cursor:
        cursor.execute("SHOW TABLES")
        return [name for (name,) in cursor.fetchall() if "yoyo" not in name]


@pytest.fixture
def empty_database(mariadb: Server, tables: list[str]) -> Connection:
    """The migrated tables without rows; emptying them takes 2 ms, making them anew 300."""
    with mariadb.connection.open(autocommit=True) as connection, connection.cursor() as cursor:
        for table in tables:
            cursor.execute(EMPTYING.get(table, f"DELETE FROM {table}"))
    return mariadb.connection
