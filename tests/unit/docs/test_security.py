"""docs/security.md and docs/faults.md name tests that are there: a defence whose test is gone is told as one."""

import ast
import re
from pathlib import Path

import pytest

from scrutineer.local.settings import ROOT
from tests.chaos.scenarios import SCENARIOS

TESTS = ROOT / "tests"
SECURITY = (ROOT / "docs" / "security.md").read_text()
FAULTS = (ROOT / "docs" / "faults.md").read_text()


def functions(file: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef)}


def named(page: str) -> list[tuple[str, str]]:
    """(file below tests/, test or nothing) of every reference; `::test` alone is of the file named before it."""
    found: list[tuple[str, str]] = []
    for reference in re.findall(r"`((?:[\w/]+\.py)?(?:::\w+)?)`", page):
        file, _, test = reference.partition("::")
        if file or test:
            found.append((file or found[-1][0], test))
    return found


def test_every_test_named_is_there() -> None:
    references = named(SECURITY)
    assert len(references) > 40
    for file, test in references:
        path = TESTS / file.removeprefix("tests/")
        assert path.is_file(), file
        assert not test or test in functions(path), f"{file}::{test}"


def test_a_test_that_is_not_there_would_be_noticed() -> None:
    (reference,) = named("`end_to_end/test_tenancy.py::test_that_was_never_written`")
    assert reference[1] not in functions(TESTS / reference[0])


def test_every_threat_has_its_test() -> None:
    table = SECURITY.partition("## Open")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ") and not line.startswith("| threat")]
    assert len(rows) >= 18
    for row in rows:
        assert "test_" in row.split(" | ")[-1], row.split(" | ")[0]


@pytest.mark.parametrize("name", [scenario.name for scenario in SCENARIOS])
def test_every_scenario_is_among_the_faults(name: str) -> None:
    assert f"`{name}`" in FAULTS


def test_every_test_named_among_the_faults_is_there() -> None:
    files = {path.name for path in TESTS.rglob("test_*.py")}
    table = [line for line in FAULTS.splitlines() if line.startswith("| ")]
    told = {name for line in table for name in re.findall(r"`(test_\w+\.py)`", line)}
    assert told
    assert told <= files
    scenarios = {scenario.name for scenario in SCENARIOS}
    names = {name for line in table for name in re.findall(r"`([a-z0-9]+(?:-[a-z0-9]+)+)`", line)}
    assert names - {"make-chaos"} <= scenarios
