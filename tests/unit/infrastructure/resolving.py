"""A template's intrinsic functions and conditions, resolved for given parameters."""

from collections.abc import Mapping
from typing import Any

from scrutineer.local.intrinsics import Resolver


class NoAttributes:
    """For a template that names no resource."""

    def ref(self, logical_id: str) -> Any:
        raise AssertionError(f"Ref {logical_id}")

    def get_att(self, logical_id: str, attribute: str) -> Any:
        raise AssertionError(f"GetAtt {logical_id}.{attribute}")


class NamedAttributes:
    """Stands in for what only AWS knows: what is `known` of it by `Id` or `Id.Attribute`, else a text of the right kind
    that says where it comes from."""

    def __init__(self, known: Mapping[str, Any]) -> None:
        self._known = known

    def ref(self, logical_id: str) -> Any:
        return self._known.get(logical_id, f"{logical_id}-name")

    def get_att(self, logical_id: str, attribute: str) -> Any:
        if (found := self._known.get(f"{logical_id}.{attribute}")) is not None:
            return found
        if attribute.endswith("Arn"):
            return f"arn:aws:service:eu-west-1:000000000000:{logical_id}"
        return f"{logical_id}-{attribute}"


def resources(
    document: Mapping[str, Any], parameters: Mapping[str, Any], known: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Resolved properties by logical id of what is made with these parameters, and `Outputs`.

    Raises TemplateInvalid where something that is made names something that is not.
    """
    resolver = Resolver(document, parameters, NamedAttributes(known))
    made = {
        logical_id: resolver.resolve(resource.get("Properties") or {})
        for logical_id, resource in document["Resources"].items()
        if resolver.exists(logical_id)
    }
    outputs = {
        name: resolver.resolve(output["Value"])
        for name, output in document["Outputs"].items()
        if "Condition" not in output or resolver.condition(output["Condition"])
    }
    return {**made, "Outputs": outputs}
