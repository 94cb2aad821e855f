"""The first admin of a database that is reached from here, by the code that does it in AWS (`functions/migrate`)."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import certifi
import pymysql

from scrutineer.database_address import Connection
from scrutineer.errors import UserError
from scrutineer.function_code import reachable

NO_SUCH_TABLE = 1146


def make_first_admin(at: Connection, wanted: dict[str, Any]) -> dict[str, str]:
    """`client_id`, `key_id` and the `key`, which is stored nowhere. `wanted` is what the function takes as `bootstrap`.

    Raises UserError.
    """
    reachable()
    from core.database import Database
    from core.errors import ScrutineerError
    from core.settings import DatabaseSettings
    from migrate import first_admin

    settings = DatabaseSettings(at.host, at.port, at.name, at.user, "password", at.tls, at.password)
    database = Database(settings, trusted=Path(certifi.where()))
    try:
        return asdict(first_admin.make_first_admin(database, first_admin.Wanted.from_event(wanted)))
    except ScrutineerError as error:
        raise UserError(error.detail) from error
    except pymysql.err.ProgrammingError as error:
        if error.args[0] != NO_SUCH_TABLE:
            raise
        raise UserError("The database's tables are not up to date: run `scrutineer migrate` first.") from error
    finally:
        database.close()
