"""docs/access.md says what the code does: the table of roles, every job's command, every route."""

import re
import runpy
from typing import Any

import pytest
import typer.main

from core.roles import ROUTES, action_of
from scrutineer.cli.main import app
from scrutineer.local.settings import ROOT

PAGE = (ROOT / "docs" / "access.md").read_text()
GROUPS = ("clients", "keys", "members", "plans", "usage", "audit", "gateway", "dead-letters", "whoami", "roles")


@pytest.fixture(scope="module")
def build() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "docs" / "build.py"))


def test_the_table_of_roles_is_what_the_code_would_write(build: dict[str, Any]) -> None:
    assert build["access"]() == PAGE, "run `make docs`"


def test_a_changed_table_would_be_noticed(build: dict[str, Any]) -> None:
    rights = build["access"].__globals__["MAY"]
    role = next(iter(rights))
    kept = rights[role]
    rights[role] = frozenset()
    try:
        assert build["access"]() != PAGE
    finally:
        rights[role] = kept


def test_every_command_of_administration_is_told() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    names = [
        f"{group} {name}".strip()
        for group in GROUPS
        for name in (getattr(commands[group], "commands", None) or {"": 0})
    ]
    told = re.findall(r"`(?:scrutineer|…) ([^`]+)`", PAGE)
    # `clients disable CLIENT`, `… enable CLIENT`: a second command of the same group
    told += [f"clients {words}" for words in told]
    assert [name for name in names if not any(words.startswith(name) for words in told)] == []


def test_every_route_of_administration_is_told_and_every_route_told_is_one() -> None:
    _, _, jobs = PAGE.partition("## Every job")
    told = {(method, path) for method, path in re.findall(r"`(GET|POST|PATCH|PUT|DELETE) (/v1/[^`?]+)", jobs)}
    wanted = {(route.method, route.path) for route in ROUTES if route.path.startswith(("/v1/admin/", "/v1/me"))}
    assert told == wanted
    assert all(action_of(method, path) for method, path in told)
