"""What a deployment would make, read offline: the translated template and its nested stacks, for given parameters."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scrutineer.local.errors import LocalStackError
from scrutineer.local.intrinsics import NO_VALUE, Resolver
from scrutineer.local.resource_rules import NESTED_TYPES
from scrutineer.local.translation import translate


@dataclass(frozen=True)
class Expected:
    """A resource; `path` is its logical id, with those of the stacks around it: `Network/NatGateway`.

    In `properties` what only AWS can say is None; a name or an id stands as the path of what it belongs to.
    """

    path: str
    type: str
    properties: Mapping[str, Any]


def expected_resources(template: Path, parameters: Mapping[str, str]) -> list[Expected]:
    """Every resource whose condition holds, in the template's order. Raises TemplateInvalid, TemplateUnsupported."""
    translated = translate(template, parameters)
    return list(_Stack(translated.document, translated.parameters, template.parent, "").resources())


def of_type(resources: list[Expected], resource_type: str) -> list[Expected]:
    return [resource for resource in resources if resource.type == resource_type]


def function_of(resources: Mapping[str, Expected], reference: Any) -> str:
    """The path of the function that a name, an ARN or an alias means; `resources` are by their path."""
    path = str(reference).removesuffix(".Arn")
    found = resources.get(path)
    if found is not None and found.type == "AWS::Lambda::Alias":
        return function_of(resources, found.properties.get("FunctionName"))
    return path


class _Stack:
    """One template; for its Resolver it says what Ref and GetAtt of a resource are."""

    def __init__(self, document: Mapping[str, Any], parameters: Mapping[str, Any], folder: Path, prefix: str) -> None:
        self._resources: Mapping[str, Any] = document["Resources"]
        self._outputs: Mapping[str, Any] = document.get("Outputs") or {}
        self._folder = folder
        self._prefix = prefix
        self._resolver = Resolver(document, parameters, self)
        self._children: dict[str, _Stack | None] = {}

    def resources(self) -> Iterator[Expected]:
        for logical_id, resource in self._resources.items():
            if not self._resolver.exists(logical_id):
                continue
            properties = resource.get("Properties") or {}
            yield Expected(
                f"{self._prefix}{logical_id}",
                resource["Type"],
                _members(self._resolver, properties),
            )
            child = self._child(logical_id)
            if child is not None:
                yield from child.resources()

    def ref(self, logical_id: str) -> Any:
        return f"{self._prefix}{logical_id}"

    def get_att(self, logical_id: str, attribute: str) -> Any:
        child = self._child(logical_id)
        if child is not None and attribute.startswith("Outputs."):
            return child.output(attribute.removeprefix("Outputs."))
        return f"{self._prefix}{logical_id}.{attribute}"

    def output(self, name: str) -> Any:
        return _known(self._resolver, self._outputs[name]["Value"])

    def _child(self, logical_id: str) -> "_Stack | None":
        if logical_id not in self._children:
            self._children[logical_id] = self._read(logical_id)
        return self._children[logical_id]

    def _read(self, logical_id: str) -> "_Stack | None":
        resource = self._resources[logical_id]
        where = (resource.get("Properties") or {}).get("TemplateURL")
        if resource["Type"] not in NESTED_TYPES or not isinstance(where, str):
            return None
        from samtranslator.yaml_helper import yaml_parse

        file = self._folder / where
        document = yaml_parse(file.read_text(encoding="utf-8"))
        given = _known(self._resolver, resource["Properties"].get("Parameters") or {})
        return _Stack(document, _values(document, given), file.parent, f"{self._prefix}{logical_id}/")


def _values(document: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The nested template's parameters; whether it takes them is judged where they are asked for. Empty: not known."""
    values = {}
    for name, declaration in (document.get("Parameters") or {}).items():
        value = _text(given[name] if given.get(name) is not None else declaration.get("Default", ""))
        values[name] = value.split(",") if "List" in str(declaration.get("Type")) else value
    return values


def _known(resolver: Resolver, value: Any) -> Any:
    """Without intrinsics; what can't be told without AWS is None, and the rest of it stays."""
    try:
        return resolver.resolve(value)
    except (LocalStackError, LookupError, ValueError, TypeError):
        pass
    if isinstance(value, Mapping) and not any(str(name) == "Ref" or str(name).startswith("Fn::") for name in value):
        return _members(resolver, value)
    if isinstance(value, list):
        return [known for known in (_known(resolver, member) for member in value) if known is not NO_VALUE]
    return None


def _members(resolver: Resolver, value: Mapping[str, Any]) -> dict[str, Any]:
    known = {name: _known(resolver, member) for name, member in value.items()}
    return {name: member for name, member in known.items() if member is not NO_VALUE}


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
