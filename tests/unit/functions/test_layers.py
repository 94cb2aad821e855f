"""Imports point inward, and nothing reaches outside while it is imported."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

FUNCTIONS = Path(__file__).parents[3] / "functions"
STAGES = {folder.name for folder in FUNCTIONS.iterdir() if (folder / "__init__.py").exists()} - {"core"}
FILES = sorted(FUNCTIONS.glob("*/*.py"))
# What Powertools and Lambda say of the process, which are no settings of ours, and are there before it starts.
READS_THE_PROCESS = "core/observability.py"


def name_of(file: Path) -> str:
    return file.relative_to(FUNCTIONS).as_posix()


def imported(tree: ast.AST) -> Iterator[str]:
    """First parts of what is imported anywhere in the file, also inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where they point"
            yield (node.module or "").split(".")[0]


def names_used(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.alias | ast.Name):
            yield node.name if isinstance(node, ast.alias) else node.id


def run_at_import(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node that runs when the module is imported: all but the bodies of functions."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                yield from ast.walk(decorator)
        elif not isinstance(node, ast.Lambda):
            yield node
            yield from run_at_import(node)


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_imports_point_inward(file: Path) -> None:
    here = file.parent.name
    seen = set(imported(ast.parse(file.read_text())))
    assert not seen & {"scrutineer", "endpoint_container", "server", "models", "tests"}
    assert not seen & STAGES - ({here} if here != "core" else set())


@pytest.mark.parametrize("file", [file for file in FILES if file.name != "app.py"], ids=name_of)
def test_inner_code_never_reads_the_environment(file: Path) -> None:
    if name_of(file) != READS_THE_PROCESS:
        assert not set(names_used(ast.parse(file.read_text()))) & {"environ", "getenv"}


@pytest.mark.parametrize("file", [file for file in FILES if file.name != "app.py"], ids=name_of)
def test_handlers_are_imported_by_nobody(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert not (node.module or "").endswith(".app")
            assert "app" not in {alias.name for alias in node.names}


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_nothing_is_opened_or_read_at_import(file: Path) -> None:
    for node in run_at_import(ast.parse(file.read_text())):
        if isinstance(node, ast.Attribute) and name_of(file) != READS_THE_PROCESS:
            assert node.attr not in ("environ", "getenv", "client", "resource", "connect"), f"line {node.lineno}"
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
            assert not names & {"boto3", "botocore", "pillow_heif", "urllib3"}, (
                f"line {node.lineno}: slows the cold start"
            )


def test_every_stage_has_its_handler_and_says_what_it_is() -> None:
    for stage in STAGES:
        assert (FUNCTIONS / stage / "app.py").exists()
        assert ast.get_docstring(ast.parse((FUNCTIONS / stage / "__init__.py").read_text()))


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_every_module_says_its_purpose(file: Path) -> None:
    assert ast.get_docstring(ast.parse(file.read_text()))
