"""Secrets are compared in constant time: no operator that stops at the first difference touches one."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

FUNCTIONS = Path(__file__).parents[4] / "functions"
FILES = [*sorted((FUNCTIONS / "authorizer").glob("*.py")), FUNCTIONS / "core" / "principal_records.py"]
SECRET = {"key_hash", "digest", "text", "token", "secret", "signature"}
STOPS_EARLY = (ast.Eq, ast.NotEq, ast.In, ast.NotIn, ast.Lt, ast.LtE, ast.Gt, ast.GtE)


def comparisons_of_secrets(tree: ast.AST) -> Iterator[int]:
    """The lines in which something with a secret's name is compared by an operator, or by how it begins or ends."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and any(isinstance(operator, STOPS_EARLY) for operator in node.ops):
            if any(name_of(side) in SECRET for side in (node.left, *node.comparators)):
                yield node.lineno
        elif isinstance(node, ast.Call) and name_of(node.func) in ("startswith", "endswith"):
            assert isinstance(node.func, ast.Attribute)
            if name_of(node.func.value) in SECRET:
                yield node.lineno


def name_of(node: ast.expr) -> str | None:
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return str(node.slice.value)
    return None


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_secret_is_compared_by_an_operator(file: Path) -> None:
    assert list(comparisons_of_secrets(ast.parse(file.read_text()))) == []


@pytest.mark.parametrize(
    "line",
    ["row['key_hash'] == digest", "digest != other", "key.text in known", "a < token", "self.secret.startswith('a')"],
)
def test_one_would_be_found(line: str) -> None:
    assert list(comparisons_of_secrets(ast.parse(line))) == [1]


def test_the_hash_that_was_found_is_compared_in_constant_time() -> None:
    assert 'hmac.compare_digest(row["key_hash"], digest)' in FILES[-1].read_text()
