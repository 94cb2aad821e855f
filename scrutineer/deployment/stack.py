"""A stack as it stands in CloudFormation, its nested stacks included."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scrutineer.deployment.account import Account, Refused

NESTED = "AWS::CloudFormation::Stack"
DELETED = "DELETE_COMPLETE"


@dataclass(frozen=True)
class Deployed:
    """A resource in a stack; `path` as of Expected, `physical_id` by AWS's name for it."""

    path: str
    type: str
    physical_id: str
    status: str


@dataclass(frozen=True)
class Stack:
    name: str
    status: str
    reason: str
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]
    resources: tuple[Deployed, ...]

    def of_type(self, resource_type: str) -> list[Deployed]:
        return [resource for resource in self.resources if resource.type == resource_type]

    def find(self, path: str) -> Deployed | None:
        return next((resource for resource in self.resources if resource.path == path), None)


def read_stack(account: Account, name: str) -> Stack | None:
    """The stack with all its resources, or None where there is none. Raises CouldNotLook."""
    try:
        found = account.ask("cloudformation", "describe_stacks", StackName=name)["Stacks"]
    except Refused as refused:
        # CloudFormation has no code of its own for a stack that is not there.
        if refused.code == "ValidationError" and "does not exist" in str(refused):
            return None
        raise
    stack = found[0]
    if stack["StackStatus"] == DELETED:
        return None
    return Stack(
        name=stack["StackName"],
        status=stack["StackStatus"],
        reason=stack.get("StackStatusReason", ""),
        parameters={each["ParameterKey"]: each.get("ParameterValue", "") for each in stack.get("Parameters", [])},
        outputs={each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])},
        resources=tuple(_resources(account, name, "")),
    )


def _resources(account: Account, name: str, prefix: str) -> Iterator[Deployed]:
    for each in account.all("cloudformation", "list_stack_resources", "StackResourceSummaries", StackName=name):
        found = Deployed(
            f"{prefix}{each['LogicalResourceId']}",
            each["ResourceType"],
            each.get("PhysicalResourceId", ""),
            each["ResourceStatus"],
        )
        yield found
        if found.type == NESTED and found.physical_id and found.status != DELETED:
            yield from _resources(account, found.physical_id, f"{found.path}/")


def tags_of(resource: Mapping[str, Any]) -> dict[str, str]:
    """AWS's list of keys and values as a mapping."""
    return {each["Key"]: each["Value"] for each in resource.get("Tags", [])}
