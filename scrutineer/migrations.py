"""Applies the numbered SQL files of `database/`, each once, in order."""

import logging
from pathlib import Path
from urllib.parse import quote

import certifi

from scrutineer.database_address import Connection


def apply_migrations(connection: Connection, folder: Path) -> list[str]:
    """Returns the names of what was applied now. Waits while another process migrates the same database."""
    # yoyo brings sqlparse, 0.1 s that only this needs.
    from yoyo import get_backend, read_migrations

    # It tells of each statement.
    logging.getLogger("yoyo").setLevel(logging.WARNING)
    tls = f"&ssl=1&sslca={quote(certifi.where(), safe='')}" if connection.tls else ""
    backend = get_backend(f"{connection.url}?charset=utf8mb4{tls}")
    try:
        migrations = read_migrations(str(folder))
        with backend.lock():
            pending = backend.to_apply(migrations)
            names = [migration.id for migration in pending]
            backend.apply_migrations(pending)
    finally:
        backend.connection.close()
    return names
