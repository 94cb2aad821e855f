"""Applies the numbered SQL files of `database/`, each once, in order."""

import logging
from pathlib import Path
from urllib.parse import quote

from scrutineer.local.database import Connection


def apply_migrations(connection: Connection, folder: Path) -> list[str]:
    """Returns the names of what was applied now. Waits while another process migrates the same database."""
    # yoyo brings sqlparse, 0.1 s that only this needs.
    from yoyo import get_backend, read_migrations

    # It tells of each statement.
    logging.getLogger("yoyo").setLevel(logging.WARNING)
    address = (
        f"mysql://{quote(connection.user)}:{quote(connection.password)}@{connection.host}:{connection.port}"
        f"/{connection.name}?charset=utf8mb4"
    )
    backend = get_backend(address)
    try:
        migrations = read_migrations(str(folder))
        with backend.lock():
            pending = backend.to_apply(migrations)
            names = [migration.id for migration in pending]
            backend.apply_migrations(pending)
    finally:
        backend.connection.close()
    return names
