"""The functions' own database, queries beside it, and the tables' many-use rows."""

from collections.abc import Callable, Iterator

import pytest

from core.database import Database
from core.settings import DatabaseSettings
from scrutineer.database_address import Connection

CLIENTS = ("client-a", "client-b", "client-c")


@pytest.fixture
def settings(empty_database: Connection, application: Connection) -> DatabaseSettings:
    """The functions' own user, so that what it may not do is seen by every test here."""
    with empty_database.open(autocommit=True) as connection, connection.cursor() as cursor:
        for client_id in CLIENTS:
            cursor.execute(
                "INSERT INTO clients (client_id, name, plan, created_at) VALUES (%s, %s, 'standard', UTC_TIMESTAMP(6))",
                (client_id, client_id),
            )
    return DatabaseSettings(
        host=application.host,
        port=application.port,
        name=application.name,
        user=application.user,
        auth="password",
        tls=False,
        password=application.password,
    )


@pytest.fixture
def connect(settings: DatabaseSettings) -> Iterator[Callable[[], Database]]:
    """Another worker's `Database`, closed when the test ends."""
    opened: list[Database] = []

    def another() -> Database:
        opened.append(Database(settings))
        return opened[-1]

    yield another
    for database in opened:
        database.close()


@pytest.fixture
def database(connect: Callable[[], Database]) -> Database:
    return connect()


@pytest.fixture
def tamper(empty_database: Connection) -> Callable[..., None]:
    """A statement that no function makes, by the tables' owner."""

    def execute(statement: str, values: tuple[object, ...] = ()) -> None:
        with empty_database.open(autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute(statement, values)

    return execute


@pytest.fixture(autouse=True)
def no_metrics_left() -> Iterator[None]:
    from core.observability import metrics

    yield
    metrics.clear_metrics()
