"""`mysql://user:password@host:port/name`, as operators write it, and the connection it stands for.

`mysql://user@host:port/name?auth=iam` signs in through RDS Proxy: a token signed with the operator's AWS credentials,
sent over TLS.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import certifi
import pymysql

from scrutineer.errors import UserError

MYSQL_PORT = 3306


@dataclass(frozen=True)
class Connection:
    """Where a database is and how to sign in; with `tls` the server's certificate is verified."""

    host: str
    port: int
    user: str
    password: str
    name: str
    tls: bool = False

    @property
    def url(self) -> str:
        """With the password in it: for the person who runs the local stack, never for a log."""
        return f"mysql://{quote(self.user)}:{quote(self.password, safe='')}@{self.host}:{self.port}/{self.name}"

    def open(self, **options: Any) -> "pymysql.Connection[Any]":
        """A new pymysql connection; `options` as `pymysql.connect` takes them."""
        return pymysql.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            database=self.name,
            charset="utf8mb4",
            ssl=ssl.create_default_context(cafile=certifi.where()) if self.tls else None,
            **options,
        )


def parse(address: str) -> Connection:
    """Raises UserError, which never repeats the address: it may hold a password."""
    try:
        parts = urlsplit(address)
        port = parts.port or MYSQL_PORT
    except ValueError:
        raise UserError("The database's address must be mysql://user:password@host:port/name.") from None
    name, auth = parts.path.lstrip("/"), parse_qs(parts.query).get("auth", ["password"])
    if parts.scheme != "mysql" or not parts.hostname or not parts.username or not name:
        raise UserError("The database's address must be mysql://user:password@host:port/name.")
    user, password = unquote(parts.username), unquote(parts.password or "")
    if auth == ["iam"]:
        return Connection(parts.hostname, port, user, _token(parts.hostname, port, user), name, tls=True)
    if auth != ["password"]:
        raise UserError("The database's address knows auth=password and auth=iam.")
    return Connection(parts.hostname, port, user, password, name)


@contextmanager
def reached() -> Iterator[None]:
    """Turns a server that can't be reached into a UserError."""
    try:
        yield
    except pymysql.err.OperationalError as error:
        raise UserError(f"The database can't be reached: {error.args[1]}") from error


@contextmanager
def connect(address: str) -> Iterator[Any]:
    """An open connection. Raises UserError where there is none to be had."""
    with reached():
        connection = parse(address).open()
    with connection:
        yield connection


def _token(host: str, port: int, user: str) -> str:
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        token: str = boto3.client("rds").generate_db_auth_token(DBHostname=host, Port=port, DBUsername=user)
    except BotoCoreError as error:
        raise UserError(f"No IAM token for the database: {error}") from error
    return token
