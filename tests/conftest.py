"""One MariaDB for the whole test run, migrated once, and empty for each test that asks for it."""

import os
import signal
from collections.abc import Iterator

import pytest
from xdist.scheduler import LoadScopeScheduling

from scrutineer.database_address import Connection
from scrutineer.local.database import Database as Server
from scrutineer.local.processes import Processes
from scrutineer.local.settings import default_cache
from tests.fakes.tables import empty, migrated

# Powertools reads its names when core.observability is imported, by whichever suite comes first.
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Test")
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "test")
# A shell starts what runs in the background deaf to Ctrl-C, and every command that a test starts inherits it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# What these folders set up is too dear for each of several processes: a local stack, the translated template.
TOGETHER = ("tests/end_to_end/", "tests/integration/local/", "tests/unit/infrastructure/")
WITH_STACKS_OF_THEIR_OWN = ("test_asynchronous.py", "test_demo.py", "test_hours.py")


class Shares(LoadScopeScheduling):  # type: ignore[misc]
    """Of a run in several processes: a file's tests stay in one, and so do those of a folder that sets up much."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.split("::", 1)[0]
        if path.endswith(WITH_STACKS_OF_THEIR_OWN):
            return path
        return next((folder for folder in TOGETHER if path.startswith(folder)), path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Shares:
    return Shares(config, log)


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server. A test that stops it starts it again."""
    folder = tmp_path_factory.mktemp("mariadb")
    with Processes() as processes:
        server = Server(folder, cache=default_cache(), processes=processes, log_path=folder / "log")
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def tables(mariadb: Server) -> list[str]:
    return migrated(mariadb.connection, mariadb.application)


@pytest.fixture
def empty_database(mariadb: Server, tables: list[str]) -> Connection:
    """The migrated tables without rows, as their owner sees them."""
    empty(mariadb.connection, tables)
    return mariadb.connection


@pytest.fixture
def application(mariadb: Server, empty_database: Connection) -> Connection:
    """The same as the functions see them."""
    return mariadb.application
