"""Applies the numbered SQL files of `database/`, each once, in order."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import certifi

from scrutineer.database_address import Connection


def apply_migrations(connection: Connection, folder: Path) -> list[str]:
    """Returns the names of what was applied now. Waits while another process migrates the same database."""
    with _opened(connection, folder) as (backend, migrations), backend.lock():
        pending = backend.to_apply(migrations)
        names = [migration.id for migration in pending]
        backend.apply_migrations(pending)
    return names


def pending_migrations(connection: Connection, folder: Path) -> list[str]:
    """The names of what is not applied yet."""
    with _opened(connection, folder) as (backend, migrations):
        return [migration.id for migration in backend.to_apply(migrations)]


@contextmanager
def _opened(connection: Connection, folder: Path) -> Iterator[tuple[Any, Any]]:
    # yoyo brings sqlparse, 0.1 s that only this needs.
    from yoyo import get_backend, read_migrations

    # It tells of each statement.
    logging.getLogger("yoyo").setLevel(logging.WARNING)
    tls = f"&ssl=1&sslca={quote(certifi.where(), safe='')}" if connection.tls else ""
    backend = get_backend(f"{connection.url}?charset=utf8mb4{tls}")
    try:
        yield backend, read_migrations(str(folder))
    finally:
        backend.connection.close()
