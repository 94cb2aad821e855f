"""The user that the functions sign in as: made with its password, given just the rights that it needs."""

from collections.abc import Mapping, Sequence
from typing import Any

import pymysql

from migrate.errors import UserFailed

ACCESS_DENIED = 1045


def make_user(connection: "pymysql.Connection[Any]", user: str, password: str) -> None:
    """One that exists keeps the password it has. Raises UserFailed."""
    _execute(connection, "CREATE USER IF NOT EXISTS %s@'%%' IDENTIFIED BY %s", (user, password), user)


def give_rights(connection: "pymysql.Connection[Any]", user: str, rights: Mapping[str, Sequence[str]]) -> None:
    """By table of the connection's database. None is ever taken: the version before may need it still.

    Raises UserFailed.
    """
    for table, given in rights.items():
        _execute(connection, f"GRANT {', '.join(given)} ON `{table}` TO %s@'%%'", (user,), user)


def set_password(connection: "pymysql.Connection[Any]", user: str, password: str) -> None:
    """Raises UserFailed."""
    _execute(connection, "ALTER USER %s@'%%' IDENTIFIED BY %s", (user, password), user)


def is_denied(error: pymysql.err.MySQLError) -> bool:
    """Whether a sign-in failed by its name or password."""
    return bool(error.args) and error.args[0] == ACCESS_DENIED


def _execute(connection: "pymysql.Connection[Any]", statement: str, values: tuple[str, ...], user: str) -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
    except pymysql.err.MySQLError as error:
        # Without MySQL's words and without the cause: either may repeat the statement, and so the password.
        code = error.args[0] if error.args else 0
        raise UserFailed(f"{statement.split(' %s')[0]} for {user} failed (MySQL error {code}).") from None
