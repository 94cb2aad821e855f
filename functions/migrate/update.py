"""One update of a database: its functions' user, its tables, the user's rights, and a try whether the user gets in."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pymysql

from migrate.application_user import give_rights, is_denied, make_user, set_password
from migrate.apply import apply
from migrate.errors import Unreachable, UserFailed
from migrate.schema import Schema

PAUSE_S = 3.0
Open = Callable[["SignIn"], "pymysql.Connection[Any]"]


@dataclass(frozen=True)
class SignIn:
    user: str
    password: str

    def __repr__(self) -> str:
        return f"SignIn({self.user})"


@dataclass(frozen=True)
class Waits:
    """Seconds: for another run to end, for a database that starts or fails over."""

    lock_s: int = 600
    database_s: float = 60.0


def update(schema: Schema, open_as: Open, owner: SignIn, application: SignIn, waits: Waits) -> list[str]:
    """The names of the migrations that were finished now. Does nothing twice.

    Raises a subclass of UpdateFailed; what was done before stays, and the same call goes on from there.
    """
    with _reached(open_as, owner, waits.database_s) as connection:
        # First, so that nothing that fails later leaves the functions without a way in.
        make_user(connection, application.user, application.password)
        applied = apply(connection, schema.migrations, wait_s=waits.lock_s)
        give_rights(connection, application.user, schema.rights)
        if not _gets_in(open_as, application):
            # A database restored from a snapshot has the password of its time.
            set_password(connection, application.user, application.password)
            if not _gets_in(open_as, application):
                raise UserFailed(f"{application.user} does not get in with the password of its secret.")
    return applied


def _reached(open_as: Open, owner: SignIn, patience_s: float) -> "pymysql.Connection[Any]":
    end = time.monotonic() + patience_s
    while True:
        try:
            return open_as(owner)
        except pymysql.err.OperationalError as error:
            if is_denied(error):
                raise Unreachable(f"The database refuses {owner.user} with the password of its secret.") from None
            if time.monotonic() >= end:
                raise Unreachable(f"The database can't be reached: {error.args[-1]}") from error
        time.sleep(min(PAUSE_S, patience_s))


def _gets_in(open_as: Open, application: SignIn) -> bool:
    try:
        open_as(application).close()
    except pymysql.err.OperationalError as error:
        if is_denied(error):
            return False
        raise Unreachable(f"The database can't be reached: {error.args[-1]}") from error
    return True
