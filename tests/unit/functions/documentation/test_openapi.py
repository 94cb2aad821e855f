"""The API document is what the code says, and the template has the same routes."""

import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from documentation import app, build
from tests.fakes.api_gateway import FakeContext, read_answer, rest_event

ROOT = Path(__file__).parents[4]
TEMPLATE = ROOT / "template.yaml"


class _Loader(yaml.SafeLoader):
    """CloudFormation's tags are read as what they hold."""


def _tagged(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    assert isinstance(node, yaml.MappingNode)
    return loader.construct_mapping(node, deep=True)


_Loader.add_multi_constructor("!", _tagged)


def document() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(build.OPENAPI.read_text())
    return read


def test_file_is_what_the_code_says() -> None:
    assert build.OPENAPI.read_text() == build.rendered(), "run: cd functions && python -m documentation.build"


def test_template_has_the_same_routes() -> None:
    template = yaml.load(TEMPLATE.read_text(), _Loader)
    routes = {
        (event["Properties"]["Method"].lower(), event["Properties"]["Path"])
        for resource in template["Resources"].values()
        for event in resource.get("Properties", {}).get("Events", {}).values()
        # Below /iam are the same routes once more, for signed requests.
        if event["Type"] == "Api" and not event["Properties"]["Path"].startswith("/iam/")
    }
    documented = {
        (method, re.sub(r"<(\w+)>", r"{\1}", path)) for path, item in document()["paths"].items() for method in item
    }
    assert routes == documented


def test_every_route_needs_a_key_but_the_document_itself() -> None:
    assert document()["security"] == [{"ApiKey": []}]
    for path, item in document()["paths"].items():
        for operation in item.values():
            assert (operation.get("security") == []) == (path in build.OPEN_PATHS)


def test_references_lead_somewhere() -> None:
    text = build.OPENAPI.read_text()
    schemas = document()["components"]["schemas"]
    for name in re.findall(r'"#/components/schemas/([^"]+)"', text):
        assert name in schemas


@pytest.mark.parametrize(("path", "media_type"), [("/v1/openapi.json", "application/json"), ("/v1/docs", "text/html")])
def test_served(path: str, media_type: str) -> None:
    answer = read_answer(app.handler(rest_event("GET", path), FakeContext()))
    assert (answer.status, answer.content_type) == (200, media_type)
    assert "max-age" in answer.headers["Cache-Control"]
    if media_type == "application/json":
        assert answer.json == document()
    else:
        assert "<script src=" not in answer.text
        assert len(answer.text) < 6_000_000


def test_no_two_functions_give_one_name_to_two_types() -> None:
    """Or else the merged document has one of them in both places."""
    named: dict[str, set[str]] = {}
    for contract in sorted((ROOT / "functions").glob("*/contract.py")):
        module = importlib.import_module(f"{contract.parent.name}.contract")
        for name, found in vars(module).items():
            if isinstance(found, type) and issubclass(found, BaseModel) and not name.startswith("_"):
                named.setdefault(name, set()).add(found.__module__)
    named = {name: modules for name, modules in named.items() if name != "BaseModel" and len(modules) > 1}
    assert named == {}
