"""The templates hold together: linted as CloudFormation, every parameter and output described, used and real."""

import json
import re
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import ManualArgs, lint_file

ROOT = Path(__file__).parents[3]
REGIONS = ["ap-south-1", "eu-west-1", "us-east-1"]
# Stacks of their own beside the application.
APART = {"delivery.yaml", "edge-us-east-1.yaml", "registry.yaml"}


def test_translated_template_lints(document: Mapping[str, Any], root: Path, tmp_path: Path) -> None:
    path = tmp_path / "translated.json"
    path.write_text(json.dumps(document))
    shutil.copytree(root / "infrastructure", tmp_path / "infrastructure")  # cfn-lint follows TemplateURL

    found = lint_file(path, config=ManualArgs(regions=REGIONS))

    assert [f"{match.rule.id} {match.message} at {match.path}" for match in found] == []


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "infrastructure").glob("*.yaml")))
def test_nested_template_lints(name: str, root: Path) -> None:
    found = lint_file(root / "infrastructure" / name, config=ManualArgs(regions=REGIONS))

    assert [f"{match.rule.id} {match.message} at {match.path}" for match in found] == []


def test_every_parameter_is_described(source: Mapping[str, Any], nested: Mapping[str, Any]) -> None:
    undescribed = [
        f"{name}: {parameter}"
        for name, template in all_templates(source, nested)
        for parameter, declaration in template["Parameters"].items()
        if len(declaration.get("Description", "")) < 10
    ]
    assert undescribed == []


def test_every_parameter_is_used(source: Mapping[str, Any], nested: Mapping[str, Any]) -> None:
    unused = [
        f"{name}: {parameter}"
        for name, template in all_templates(source, nested)
        for parameter in template["Parameters"]
        if parameter not in set(references({key: template[key] for key in template if key != "Parameters"}))
    ]
    assert unused == []


def test_every_default_is_allowed(source: Mapping[str, Any]) -> None:
    for name, declaration in source["Parameters"].items():
        assert "Default" in declaration, f"{name} has no default, so the local stack cannot start without it"
        assert accepts(declaration, str(declaration["Default"])), name


def test_every_output_is_described(source: Mapping[str, Any], nested: Mapping[str, Any]) -> None:
    for name, template in all_templates(source, nested):
        for output, declaration in template.get("Outputs", {}).items():
            assert declaration.get("Description"), f"{name}: {output}"


def test_nested_stacks_get_what_they_declare_and_give_what_is_asked(
    source: Mapping[str, Any], nested: Mapping[str, Any]
) -> None:
    stacks = {
        logical_id: resource["Properties"]
        for logical_id, resource in source["Resources"].items()
        if resource["Type"] == "AWS::CloudFormation::Stack"
    }
    assert {Path(stack["TemplateURL"]).name for stack in stacks.values()} == set(nested) - APART
    for logical_id, stack in stacks.items():
        template = nested[Path(stack["TemplateURL"]).name]
        required = {name for name, declaration in template["Parameters"].items() if "Default" not in declaration}
        assert required <= set(stack["Parameters"]) <= set(template["Parameters"]), logical_id
        asked = {output for owner, output in outputs_asked(source) if owner == logical_id}
        assert asked == set(template.get("Outputs", {})), logical_id


def test_environments_are_apart_and_name_real_parameters(source: Mapping[str, Any], root: Path) -> None:
    config = tomllib.loads((root / "samconfig.toml").read_text())
    dev, prod = (config[environment]["deploy"]["parameters"] for environment in ("dev", "prod"))
    for environment in (dev, prod):
        for name, value in overrides(environment).items():
            assert name in source["Parameters"], name
            assert accepts(source["Parameters"][name], value), f"{name}={value}"
    assert dev["stack_name"] != prod["stack_name"]
    assert overrides(dev)["StageName"] != overrides(prod)["StageName"]
    assert overrides(dev)["VpcCidr"] != overrides(prod)["VpcCidr"]


def test_every_parameter_is_in_the_deployment_guide(source: Mapping[str, Any], root: Path) -> None:
    guide = (root / "docs" / "deploy.md").read_text()
    listed = re.findall(r"^\| `([A-Za-z]+)` \|", guide, flags=re.MULTILINE)
    assert listed == list(source["Parameters"])


def all_templates(source: Mapping[str, Any], nested: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "template.yaml", source
    yield from nested.items()


def references(node: Any) -> Iterator[str]:
    """Every name that a Ref or a Sub mentions."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key == "Ref":
                yield value
            elif key == "Fn::Sub":
                text = value if isinstance(value, str) else value[0]
                yield from re.findall(r"\$\{([A-Za-z0-9]+)}", text)
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def outputs_asked(node: Any) -> Iterator[tuple[str, str]]:
    """(nested stack, output) of every GetAtt of an output, in a Sub, too."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key == "Fn::GetAtt" and value[1].startswith("Outputs."):
                yield value[0], value[1].removeprefix("Outputs.")
            elif key == "Fn::Sub":
                text = value if isinstance(value, str) else value[0]
                yield from re.findall(r"\$\{([A-Za-z0-9]+)\.Outputs\.([A-Za-z0-9]+)}", text)
            yield from outputs_asked(value)
    elif isinstance(node, list):
        for value in node:
            yield from outputs_asked(value)


def overrides(deploy: Mapping[str, Any]) -> dict[str, str]:
    return dict(entry.split("=", 1) for entry in deploy["parameter_overrides"])


def accepts(declaration: Mapping[str, Any], value: str) -> bool:
    """Whether CloudFormation would take the value for the parameter."""
    if "AllowedValues" in declaration and value not in map(str, declaration["AllowedValues"]):
        return False
    if not re.fullmatch(declaration.get("AllowedPattern", ".*"), value):
        return False
    if declaration["Type"] == "Number":
        return float(declaration.get("MinValue", value)) <= float(value) <= float(declaration.get("MaxValue", value))
    return True
