"""How a function's settings become a database: the one piece of wiring that all of them share."""

from functools import partial

from core import aws
from core.database import Database
from core.settings import DatabaseSettings


def open_database(settings: DatabaseSettings) -> Database:
    """Connects on first use; signs in by IAM token where the settings say so."""
    if settings.auth == "iam":
        return Database(settings, partial(aws.database_token, settings.host, settings.port, settings.user))
    return Database(settings)
