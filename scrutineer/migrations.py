"""Brings a database that is reached from here up to date, by the code that does it in AWS (`functions/migrate`)."""

from pathlib import Path

from scrutineer.database_address import Connection
from scrutineer.errors import UserError
from scrutineer.function_code import reachable

LOCK_WAIT_S = 60


def apply_migrations(owner: Connection, folder: Path) -> list[str]:
    """Returns the names of what was applied now. Waits while another process migrates the same database.

    Raises UserError with the migration and the statement that failed.
    """
    reachable()
    from migrate.apply import apply
    from migrate.errors import UpdateFailed
    from migrate.schema import read_schema

    try:
        with owner.open(autocommit=True) as connection:
            return apply(connection, read_schema(folder).migrations, wait_s=LOCK_WAIT_S)
    except UpdateFailed as error:
        raise UserError(error.detail) from error


def pending_migrations(owner: Connection, folder: Path) -> list[str]:
    """The names of what is not applied yet, or not to its end."""
    reachable()
    from migrate.apply import pending
    from migrate.schema import read_schema

    with owner.open() as connection:
        return pending(connection, read_schema(folder).migrations)


def bring_up_to_date(owner: Connection, application: Connection, folder: Path) -> list[str]:
    """The same, and the functions' user with its rights, as a deployment makes it. Raises UserError."""
    reachable()
    from migrate.errors import UpdateFailed
    from migrate.schema import read_schema
    from migrate.update import SignIn, Waits, update

    by_user = {connection.user: connection for connection in (owner, application)}
    try:
        return update(
            read_schema(folder),
            lambda sign_in: by_user[sign_in.user].open(autocommit=True),
            SignIn(owner.user, owner.password),
            SignIn(application.user, application.password),
            Waits(lock_s=LOCK_WAIT_S, database_s=0),
        )
    except UpdateFailed as error:
        raise UserError(error.detail) from error
