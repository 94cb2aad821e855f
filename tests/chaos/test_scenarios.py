"""Each fault for a few seconds; `make chaos` is the long version."""

import pytest

from tests.chaos.conftest import Run
from tests.chaos.scenarios import SCENARIOS, Scenario, seed_of

INSPECTIONS = 24


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_every_promise_holds(scenario: Scenario, run_scenario: Run) -> None:
    report = run_scenario(scenario, seed=seed_of(scenario, 1), inspections=INSPECTIONS)
    assert report.found == ()
    assert report.accepted >= INSPECTIONS * 2 // 3
    assert report.losses == 0
