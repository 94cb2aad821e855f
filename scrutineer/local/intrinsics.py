"""CloudFormation's intrinsic functions and conditions, resolved to plain values.

Reference: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
"""

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from scrutineer.local.errors import TemplateInvalid, TemplateUnsupported
from scrutineer.local.template_model import ACCOUNT, REGION

STACK_NAME = "scrutineer"
PSEUDO_PARAMETERS: Mapping[str, Any] = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK_NAME}/local",
    "AWS::StackName": STACK_NAME,
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::NotificationARNs": [],
}
VARIABLE = re.compile(r"\$\{(!?)([^}]+)\}")
NO_VALUE: Any = object()


class Attributes(Protocol):
    """What `Ref` and `GetAtt` of a resource mean locally; both raise `TemplateUnsupported` for what has no meaning."""

    def ref(self, logical_id: str) -> Any: ...

    def get_att(self, logical_id: str, attribute: str) -> Any: ...


class Resolver:
    def __init__(self, document: Mapping[str, Any], parameters: Mapping[str, Any], attributes: Attributes) -> None:
        self._conditions: Mapping[str, Any] = document.get("Conditions") or {}
        self._mappings: Mapping[str, Any] = document.get("Mappings") or {}
        self._resources: Mapping[str, Any] = document.get("Resources") or {}
        self._parameters = parameters
        self._attributes = attributes
        self._functions: Mapping[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::If": self._if,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::FindInMap": self._find_in_map,
            "Fn::Base64": lambda value: base64.b64encode(str(self.resolve(value)).encode()).decode(),
            "Condition": self.condition,
            "Fn::Equals": lambda pair: str(self.resolve(pair[0])) == str(self.resolve(pair[1])),
            "Fn::Not": lambda one: not self._truth(one[0]),
            "Fn::And": lambda many: all(self._truth(one) for one in many),
            "Fn::Or": lambda many: any(self._truth(one) for one in many),
        }

    def resolve(self, value: Any) -> Any:
        """A copy of `value` without intrinsics; members that came out as `AWS::NoValue` are left out."""
        if isinstance(value, Mapping):
            if len(value) == 1:
                name, argument = next(iter(value.items()))
                if name in self._functions and not (name == "Condition" and isinstance(argument, Mapping)):
                    return self._functions[name](argument)
                if name.startswith("Fn::"):
                    raise TemplateUnsupported("template", name)
            members = {name: self.resolve(member) for name, member in value.items()}
            return {name: member for name, member in members.items() if member is not NO_VALUE}
        if isinstance(value, list):
            return [member for member in map(self.resolve, value) if member is not NO_VALUE]
        return value

    def condition(self, name: str) -> bool:
        if name not in self._conditions:
            raise TemplateInvalid(f"there is no condition {name}")
        return self._truth(self._conditions[name])

    def exists(self, logical_id: str) -> bool:
        """Whether the resource's own condition lets it be created."""
        condition = self._resources[logical_id].get("Condition")
        return condition is None or self.condition(condition)

    def _truth(self, value: Any) -> bool:
        resolved = self.resolve(value)
        if not isinstance(resolved, bool):
            raise TemplateInvalid(f"not a condition: {value}")
        return resolved

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in PSEUDO_PARAMETERS:
            return PSEUDO_PARAMETERS[name]
        if name in self._parameters:
            return self._parameters[name]
        self._must_exist(name)
        return self._attributes.ref(name)

    def _get_att(self, argument: Any) -> Any:
        logical_id, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
        self._must_exist(logical_id)
        return self._attributes.get_att(logical_id, attribute)

    def _must_exist(self, logical_id: str) -> None:
        if logical_id not in self._resources:
            raise TemplateInvalid(f"there is no parameter or resource {logical_id}")
        if not self.exists(logical_id):
            raise TemplateInvalid(f"{logical_id} is used although its condition is false")

    def _sub(self, argument: Any) -> str:
        text, local = (argument, {}) if isinstance(argument, str) else argument

        def value(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return "${" + name + "}"
            if name in local:
                return str(self.resolve(local[name]))
            return str(self._get_att(name) if "." in name else self._ref(name))

        return VARIABLE.sub(value, text)

    def _join(self, argument: Any) -> str:
        separator, parts = argument
        return str(separator).join(str(part) for part in self.resolve(parts))

    def _if(self, argument: Any) -> Any:
        name, positive, negative = argument
        return self.resolve(positive if self.condition(name) else negative)

    def _select(self, argument: Any) -> Any:
        index, members = self.resolve(argument)
        return members[int(index)]

    def _split(self, argument: Any) -> list[str]:
        separator, text = self.resolve(argument)
        return str(text).split(separator)

    def _find_in_map(self, argument: Any) -> Any:
        name, first, second = (self.resolve(part) for part in argument[:3])
        try:
            return self._mappings[name][str(first)][str(second)]
        except KeyError as error:
            raise TemplateInvalid(f"there is no {second} under {first} in the mapping {name}") from error
