"""docs/operate.md sends the operator to commands, parameters and alarms that are there."""

import re
from collections.abc import Iterator
from typing import Any

import typer.main
from samtranslator.yaml_helper import yaml_parse

from scrutineer.cli.main import app
from scrutineer.local.settings import ROOT

PAGE = (ROOT / "docs" / "operate.md").read_text()


def commands(group: Any, prefix: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        yield f"{prefix}{name}"
        if hasattr(command, "commands"):
            yield from commands(command, f"{prefix}{name} ")


def test_commands_are_there() -> None:
    known = set(commands(typer.main.get_command(app)))
    asked = re.findall(r"`scrutineer ([a-z][a-z -]*[a-z])", PAGE)
    assert len(asked) > 10
    assert [words for words in asked if words not in known] == []


def test_parameters_are_there() -> None:
    parameters = set(yaml_parse((ROOT / "template.yaml").read_text())["Parameters"])
    asked = set(re.findall(r"`([A-Z][A-Za-z]+)=", PAGE))
    assert len(asked) > 5
    assert asked <= parameters


def test_a_runbook_sends_on_to_runbooks_that_are_there() -> None:
    section = PAGE.partition("\n## When an alarm tells\n")[2].partition("\n## ")[0]
    runbooks = set(re.findall(r"^### (\S+)$", section, flags=re.MULTILINE))
    words = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", section)) - {"describe-inference-component"}
    assert {word for word in words if word not in runbooks} == set()
