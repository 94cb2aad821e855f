"""Who may import whom: server -> models, and nothing slow before the port is open."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[3] / "endpoint_container"
FAMILIES = tuple(f"models.{folder.name}" for folder in (SOURCE / "models").iterdir() if folder.is_dir())


def imports(path: Path) -> Iterator[str]:
    """The modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.parametrize(
    ("folder", "pattern", "forbidden"),
    [
        ("models", "**/*.py", ("server", "demo_model")),
        ("server", "**/*.py", ("demo_model", *FAMILIES, "torch", "transformers", "numpy")),
        # What the server imports of models: torch takes seconds, in which /ping would not answer.
        ("models", "*.py", (*FAMILIES, "torch", "transformers", "numpy")),
        ("model_source", "*.py", ("demo_model", "server.app", *FAMILIES, "torch", "transformers", "numpy")),
    ],
)
def test_imports_point_inward(folder: str, pattern: str, forbidden: tuple[str, ...]) -> None:
    for path in (SOURCE / folder).glob(pattern):
        for module in imports(path):
            assert not any(module == name or module.startswith(f"{name}.") for name in forbidden), path
