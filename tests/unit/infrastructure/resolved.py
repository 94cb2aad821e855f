"""A template as CloudFormation would make it for given parameters: what exists of it, and what its rules refuse."""

from collections.abc import Mapping
from typing import Any

from scrutineer.local.intrinsics import Resolver


class Names:
    """A resource's Ref is `<LogicalId>`, an attribute `<LogicalId.Attribute>`."""

    def ref(self, logical_id: str) -> str:
        return f"<{logical_id}>"

    def get_att(self, logical_id: str, attribute: str) -> str:
        return f"<{logical_id}.{attribute}>"


def defaults(template: Mapping[str, Any]) -> dict[str, str]:
    """A parameter without a default is empty."""
    return {name: str(each.get("Default", "")) for name, each in template["Parameters"].items()}


def resources(template: Mapping[str, Any], **parameters: str) -> dict[str, dict[str, Any]]:
    """Properties by logical id, with all else at its default."""
    resolver = Resolver(template, defaults(template) | parameters, Names())
    return {
        logical_id: resolver.resolve(resource.get("Properties", {}))
        for logical_id, resource in template["Resources"].items()
        if resolver.exists(logical_id)
    }


def refusals(template: Mapping[str, Any], **parameters: str) -> list[str]:
    """What the template's Rules say against the parameters."""
    rules = without_contains(template["Rules"])
    resolver = Resolver(template, defaults(template) | parameters, Names())
    return [
        assertion["AssertDescription"]
        for rule in rules.values()
        if resolver.resolve(rule.get("RuleCondition", True))
        for assertion in rule["Assertions"]
        if not resolver.resolve(assertion["Assert"])
    ]


def without_contains(node: Any) -> Any:
    """`Fn::Contains`, which only rules may use, as the comparisons that it stands for."""
    if isinstance(node, list):
        return [without_contains(each) for each in node]
    if not isinstance(node, Mapping):
        return node
    if "Fn::Contains" in node:
        allowed, value = node["Fn::Contains"]
        return {"Fn::Or": [{"Fn::Equals": [each, value]} for each in allowed]}
    return {name: without_contains(member) for name, member in node.items()}
