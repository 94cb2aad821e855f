"""What `sam build` puts into the functions' packages (functions/Makefile)."""

import ast
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
UNCHECKED_HASH = 0b01  # https://peps.python.org/pep-0552/


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A function's package, built as SAM does it: in a copy of the folder."""
    copy = tmp_path_factory.mktemp("source") / "functions"
    shutil.copytree(ROOT / "functions", copy)
    artifacts = tmp_path_factory.mktemp("artifacts")
    built = subprocess.run(
        [
            "make",
            "--makefile",
            str(copy / "Makefile"),
            "build-InspectionsFunction",
            f"PYTHON={shutil.which('python3.11')}",
        ],
        cwd=copy,
        env={**os.environ, "ARTIFACTS_DIR": str(artifacts)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return artifacts


def test_every_module_is_there_with_bytecode_that_no_time_can_age(package: Path) -> None:
    modules = {path.relative_to(ROOT / "functions") for path in (ROOT / "functions").rglob("*.py")}
    assert {path.relative_to(package) for path in package.rglob("*.py")} == modules
    for module in modules:
        bytecode = package / module.parent / "__pycache__" / f"{module.stem}.cpython-311.pyc"
        assert int.from_bytes(bytecode.read_bytes()[4:8], "little") == UNCHECKED_HASH, module


def test_what_is_read_at_run_time_is_there_and_what_only_builds_is_not(package: Path) -> None:
    assert (package / "documentation" / "openapi.json").is_file()
    assert sorted(path.name for path in package.iterdir() if path.is_file()) == []


def test_botocore_keeps_the_services_that_the_code_asks_for_and_no_others() -> None:
    kept = re.search(r"^AWS_SERVICES := (.*)$", (ROOT / "functions/Makefile").read_text(), flags=re.MULTILINE)
    assert kept is not None
    assert kept[1].split() == sorted(clients())


def clients() -> set[str]:
    """The service of every `boto3.client("NAME")`, and whatever else is asked of boto3."""
    found = set()
    for path in (ROOT / "functions").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "boto3.client":
                found.add(ast.literal_eval(node.args[0]))
            elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "boto3" and node.attr != "client":
                found.add(ast.unparse(node))
    return found
