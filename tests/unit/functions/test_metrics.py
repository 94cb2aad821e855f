"""What the functions count is what docs/operate.md tells: every name, and which function can count it."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.told_metrics import told_metrics

FUNCTIONS = Path(__file__).parents[3] / "functions"
# Those that publish what they count; what runs once a deployment does not.
STAGES = sorted(
    path.parent.name
    for path in FUNCTIONS.glob("*/app.py")
    if "log_metrics" in path.read_text() or "stage_handler" in path.read_text()
)
# Every function imports composition, which knows how to open a queued stage; only these open one.
OPENS_STAGES, WORKER = "core.stage_handler", "core.worker"


def test_every_metric_is_told_and_every_metric_told_is_counted() -> None:
    assert {name for file in modules().values() for name in counted_in(file)} == set(told_metrics())


def test_metrics_are_told_of_the_functions_that_reach_the_line() -> None:
    found: dict[str, set[str]] = {}
    for stage in STAGES:
        opens = OPENS_STAGES in reached_from(f"{stage}.app")
        for module in reached_from(f"{stage}.app", None if opens else WORKER):
            for name in counted_in(modules()[module]):
                found.setdefault(name, set()).add(stage)
    told = {
        name: {dimensions[0][1] for dimensions in sets}
        for name, sets in told_metrics().items()
        if all(dimensions[0][0] == "service" for dimensions in sets)
    }
    assert {name: found[name] for name in told} == told


@cache
def modules() -> dict[str, Path]:
    return {
        ".".join(file.relative_to(FUNCTIONS).with_suffix("").parts): file
        for file in sorted(FUNCTIONS.glob("*/*.py"))
        if file.name != "__init__.py"
    }


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


def counted_in(file: Path) -> Iterator[str]:
    """The names that are added to `metrics` or published, and those that a class has under `metric`."""
    for node in ast.walk(tree_of(file)):
        match node:
            case ast.Call(func=ast.Attribute(attr="add_metric"), args=[ast.Constant(value=str(name)), *_]):
                yield name
            case ast.Call(
                func=ast.Name(id="single_metric"), keywords=[ast.keyword(value=ast.Constant(value=str(name))), *_]
            ):
                yield name
            case ast.Call(func=ast.Name(id="publish"), args=[_, ast.Dict(keys=names), *_]):
                yield from (str(name.value) for name in names if isinstance(name, ast.Constant))
            case ast.Assign(targets=[ast.Name(id="metric")], value=ast.Constant(value=str(name))):
                yield name


@cache
def reached_from(module: str, but: str | None = None) -> frozenset[str]:
    """All that is imported from a module on, but what only another one leads to."""
    seen: set[str] = set()
    ahead = [module]
    while ahead:
        here = ahead.pop()
        if here in seen or here == but or here not in modules():
            continue
        seen.add(here)
        for node in ast.walk(tree_of(modules()[here])):
            if isinstance(node, ast.Import):
                ahead += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                ahead += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return frozenset(seen)
