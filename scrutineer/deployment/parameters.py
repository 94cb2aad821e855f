"""Parameters judged as CloudFormation would, without it: by the template's own patterns, bounds and Rules; and by the
order of those that only the services behind it compare."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scrutineer.local.errors import LocalStackError
from scrutineer.local.intrinsics import Resolver
from scrutineer.local.parameter_order import out_of_order
from scrutineer.local.translation import refusal


@dataclass(frozen=True)
class Complaint:
    """Of one parameter, or of several together, which `name` then leaves empty."""

    name: str
    text: str
    sure: bool = True
    """False where only CloudFormation itself can tell."""


def effective(template: Mapping[str, Any], overrides: Mapping[str, str]) -> dict[str, str]:
    """Every parameter's value as text; one with neither a value nor a default is not in it."""
    declared: Mapping[str, Any] = template.get("Parameters") or {}
    values = {name: _text(each["Default"]) for name, each in declared.items() if "Default" in each}
    return {**values, **{name: value for name, value in overrides.items() if name in declared}}


def complaints(template: Mapping[str, Any], overrides: Mapping[str, str]) -> Iterator[Complaint]:
    """What CloudFormation would refuse. A value is not repeated where the template says NoEcho."""
    declared: Mapping[str, Any] = template.get("Parameters") or {}
    for name in sorted(set(overrides) - set(declared)):
        yield Complaint(name, "the template has no such parameter")
    values = effective(template, overrides)
    for name, declaration in declared.items():
        if name not in values:
            yield Complaint(name, "is missing, and has no default")
        elif reason := refusal(values[name], declaration):
            shown = "its value" if declaration.get("NoEcho") else repr(values[name])
            yield Complaint(name, f"{shown} {reason}")
    rules = list(_broken_rules(template, values))
    yield from rules
    for least, most, reason in out_of_order(values):
        if not any(least in rule.text and most in rule.text for rule in rules):
            yield Complaint("", reason)


def _broken_rules(template: Mapping[str, Any], values: Mapping[str, str]) -> Iterator[Complaint]:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html"""
    resolver = Resolver({}, values, _NoResources())
    for name, rule in (template.get("Rules") or {}).items():
        try:
            if "RuleCondition" in rule and not resolver.resolve(_plain(rule["RuleCondition"], resolver)):
                continue
            for assertion in rule["Assertions"]:
                if not resolver.resolve(_plain(assertion["Assert"], resolver)):
                    yield Complaint("", str(assertion.get("AssertDescription", f"the rule {name} does not hold")))
        except LocalStackError as error:
            yield Complaint("", f"the rule {name} can't be judged here: {error}", sure=False)


def _plain(node: Any, resolver: Resolver) -> Any:
    """Without Fn::Contains, which is a function of rules alone."""
    if isinstance(node, Mapping):
        if "Fn::Contains" in node:
            values, value = resolver.resolve(node["Fn::Contains"])
            return {"Fn::Equals": [str(value) in [str(each) for each in values], True]}
        return {name: _plain(member, resolver) for name, member in node.items()}
    return [_plain(member, resolver) for member in node] if isinstance(node, list) else node


class _NoResources:
    def ref(self, logical_id: str) -> Any:
        raise KeyError(logical_id)

    def get_att(self, logical_id: str, attribute: str) -> Any:
        raise KeyError(f"{logical_id}.{attribute}")


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
