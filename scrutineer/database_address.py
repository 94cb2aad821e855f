"""`mysql://user:password@host:port/name`, as operators write it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import pymysql

from scrutineer.errors import UserError
from scrutineer.local.database import Connection


def parse(address: str) -> Connection:
    """Raises UserError, which never repeats the address: it holds a password."""
    parts = urlsplit(address)
    name = parts.path.lstrip("/")
    if parts.scheme != "mysql" or not parts.hostname or not parts.username or not name:
        raise UserError("The database's address must be mysql://user:password@host:port/name.")
    return Connection(
        parts.hostname, parts.port or 3306, unquote(parts.username), unquote(parts.password or ""), unquote(name)
    )


@contextmanager
def connect(address: str) -> Iterator[Any]:
    """An open connection. Raises UserError where there is none to be had."""
    try:
        connection = parse(address).open()
    except pymysql.err.OperationalError as error:
        raise UserError(f"The database can't be reached: {error.args[1]}") from error
    with connection:
        yield connection
