"""A translated template's resources by type: checked, resolved, and without those whose condition is false."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from scrutineer.local.errors import TemplateUnsupported
from scrutineer.local.intrinsics import Resolver
from scrutineer.local.resource_rules import PROPERTIES, check
from scrutineer.local.stand_ins import LocalAttributes
from scrutineer.local.translation import Translated


class Resources:
    def __init__(self, translated: Translated, queues_url: str) -> None:
        self._resources: dict[str, Any] = translated.document["Resources"]
        self.attributes = LocalAttributes(
            self._resources, queues_url, resolve=lambda value: self._resolver.resolve(value)
        )
        self._resolver = Resolver(translated.document, translated.parameters, self.attributes)
        for logical_id, resource in self._resources.items():
            if self._resolver.exists(logical_id):
                check(logical_id, resource["Type"], resource.get("Properties") or {})

    def all(self, resource_type: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Logical ids and properties. Only what is read is resolved: a role's ARN has no local value and needs none."""
        emulated, _ = PROPERTIES[resource_type]
        for logical_id, resource in self._resources.items():
            if resource["Type"] == resource_type and self._resolver.exists(logical_id):
                properties = resource.get("Properties") or {}
                yield (
                    logical_id,
                    self._resolver.resolve({name: value for name, value in properties.items() if name in emulated}),
                )

    @property
    def written(self) -> Mapping[str, Any]:
        """All resources as they are written, also those whose condition is false."""
        return self._resources

    def exists(self, logical_id: str) -> bool:
        return self._resolver.exists(logical_id)

    def resolve(self, value: Any) -> Any:
        """Raises `TemplateUnsupported` for what has no value on one machine."""
        return self._resolver.resolve(value)

    def taken(self, members: Iterable[Any]) -> Iterator[Any]:
        """A list's members as they are written, but each `Fn::If` as the side that it takes."""
        for member in members:
            if isinstance(member, Mapping) and "Fn::If" in member:
                condition, positive, negative = member["Fn::If"]
                side = positive if self._resolver.condition(condition) else negative
                yield from self.taken(side if isinstance(side, list) else [side])
            elif member != {"Ref": "AWS::NoValue"}:
                yield member

    def find(self, resource_type: str, reference: Any, used_by: str) -> str:
        """The logical id of the resource that `reference`, an ARN or a name, means; of a function also by its alias."""
        for logical_id, _ in self.all(resource_type):
            if reference in (self.attributes.ref(logical_id), self.attributes.get_att(logical_id, "Arn")):
                return logical_id
        if resource_type == "AWS::Lambda::Function":
            for logical_id, alias in self.all("AWS::Lambda::Alias"):
                if reference == self.attributes.ref(logical_id):
                    return self.find(resource_type, alias["FunctionName"], logical_id)
        raise TemplateUnsupported(used_by, f"a {resource_type} outside of this template ({reference})")
