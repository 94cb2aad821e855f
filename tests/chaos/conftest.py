"""One empty database for each run of a scenario."""

from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp

import pytest

from scrutineer.local.database import Database as Server
from tests.chaos.run import Report, run
from tests.chaos.scenarios import Scenario
from tests.fakes.tables import empty

Run = Callable[..., Report]


@pytest.fixture
def run_scenario(mariadb: Server, tables: list[str], tmp_path: Path) -> Run:
    """`run` on the suite's server, each time without rows and with a history of its own."""

    def run_it(scenario: Scenario, **options: object) -> Report:
        empty(mariadb.connection, tables)
        return run(scenario, mariadb, Path(mkdtemp(dir=tmp_path)), **options)  # type: ignore[arg-type]

    return run_it
