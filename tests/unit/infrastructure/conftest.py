"""The template as it is written and as SAM translates it, read once for all tests here."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from scrutineer.local.translation import translate

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def source() -> Mapping[str, Any]:
    """template.yaml, short forms such as !Ref spelt out."""
    return read(ROOT / "template.yaml")


@pytest.fixture(scope="session")
def nested() -> Mapping[str, Mapping[str, Any]]:
    """The templates in infrastructure/, by file name."""
    return {path.name: read(path) for path in sorted((ROOT / "infrastructure").glob("*.yaml"))}


@pytest.fixture(scope="session")
def document() -> Mapping[str, Any]:
    """template.yaml as plain CloudFormation."""
    translated: dict[str, Any] = json.loads(json.dumps(translate(ROOT / "template.yaml", {}).document, default=str))
    return translated


@pytest.fixture(scope="session")
def resources(document: Mapping[str, Any]) -> Mapping[str, Any]:
    found: dict[str, Any] = document["Resources"]
    return found


@pytest.fixture(scope="session")
def functions(resources: Mapping[str, Any]) -> Mapping[str, Any]:
    """Properties of every function by stage, the first part of its handler."""
    return {
        resource["Properties"]["Handler"].split(".")[0]: resource["Properties"]
        for resource in resources.values()
        if resource["Type"] == "AWS::Lambda::Function"
    }


@pytest.fixture(scope="session")
def event_sources(resources: Mapping[str, Any]) -> list[tuple[Any, Any, Any]]:
    """What polls which queue: (properties of the mapping, of its function, of its queue)."""
    return [
        (
            resource["Properties"],
            called(resources, resource["Properties"]["FunctionName"]),
            resources[resource["Properties"]["EventSourceArn"]["Fn::GetAtt"][0]]["Properties"],
        )
        for resource in resources.values()
        if resource["Type"] == "AWS::Lambda::EventSourceMapping"
    ]


def called(resources: Mapping[str, Any], reference: Mapping[str, Any]) -> Mapping[str, Any]:
    """Properties of the function behind a reference to its alias."""
    alias = resources[reference["Ref"]]
    assert alias["Type"] == "AWS::Lambda::Alias"
    function: dict[str, Any] = resources[alias["Properties"]["FunctionName"]["Ref"]]["Properties"]
    return function


def read(path: Path) -> Mapping[str, Any]:
    template: dict[str, Any] = json.loads(json.dumps(yaml_parse(path.read_text())))
    return template
