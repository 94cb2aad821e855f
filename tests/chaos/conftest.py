"""One empty database for each scenario."""

from collections.abc import Callable
from pathlib import Path

import pytest

from scrutineer.database_address import Connection
from scrutineer.local.database import Database as Server
from tests.chaos.run import Report, run
from tests.chaos.scenarios import Scenario

Run = Callable[..., Report]


@pytest.fixture
def run_scenario(mariadb: Server, empty_database: Connection, tmp_path: Path) -> Run:
    """`run` on the suite's server, with a history of its own."""

    def run_it(scenario: Scenario, **options: object) -> Report:
        return run(scenario, mariadb, tmp_path, **options)  # type: ignore[arg-type]

    return run_it
