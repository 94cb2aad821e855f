"""After a deploy that failed: what CloudFormation did about it, why, and what to do now."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scrutineer.deployment.account import Account, Refused

FOLLOWS = "Resource creation cancelled", "Resource update cancelled", "The following resource(s) failed"
STARTS = {"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"}
DEEPEST = 5


@dataclass(frozen=True)
class WayBack:
    """`cause` is the first resource that failed, with CloudFormation's own words; `do` a command, or None."""

    state: str
    cause: str | None
    do: str | None


def way_back(account: Account, stack: str, config_env: str) -> WayBack:
    """Raises CouldNotLook."""
    try:
        (found,) = account.ask("cloudformation", "describe_stacks", StackName=stack)["Stacks"]
    except Refused as refused:
        if refused.code == "ValidationError" and "does not exist" in str(refused):
            return WayBack(f"There is no stack {stack}: nothing was made", None, None)
        raise
    name = shlex.quote(stack)
    status = str(found["StackStatus"])
    cause = first_failure(account, str(found["StackId"]))
    match status:
        case "UPDATE_ROLLBACK_COMPLETE":
            return WayBack("The stack is again as it was before", cause, None)
        case "UPDATE_ROLLBACK_FAILED":
            return WayBack(
                "The stack is stuck on its way back",
                cause,
                f"aws cloudformation continue-update-rollback --stack-name {name}",
            )
        case "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED" | "DELETE_FAILED":
            return WayBack(
                "The first deploy failed, and its stack can only be deleted, which a protected database prevents",
                cause,
                f"sam delete --config-env {shlex.quote(config_env)} --stack-name {name}",
            )
        case "REVIEW_IN_PROGRESS":
            return WayBack("Nothing was made", None, f"aws cloudformation delete-stack --stack-name {name}")
        case _ if status.endswith("_IN_PROGRESS"):
            return WayBack(
                f"The stack still changes ({status})",
                cause,
                f"aws cloudformation describe-stack-events --stack-name {name}",
            )
    return WayBack(f"The stack was not changed ({status})", None, None)


def first_failure(account: Account, stack: str, depth: int = 0) -> str | None:
    """Of the last change: the resource that failed before all others, in a nested stack where it was there."""
    failed: dict[str, Any] | None = None
    for event in _last_change(account, stack):
        reason = str(event.get("ResourceStatusReason", ""))
        if str(event["ResourceStatus"]).endswith("_FAILED") and not reason.startswith(FOLLOWS):
            failed = event
    if failed is None:
        return None
    inner = str(failed.get("PhysicalResourceId", ""))
    if failed["ResourceType"] == "AWS::CloudFormation::Stack" and inner and inner != stack and depth < DEEPEST:
        found = first_failure(account, inner, depth + 1)
        if found is not None:
            return f"{failed['LogicalResourceId']}/{found}"
    reason = failed.get("ResourceStatusReason", "no reason given")
    return f"{failed['LogicalResourceId']} ({failed['ResourceType']}): {reason}"


def _last_change(account: Account, stack: str) -> Iterator[Any]:
    """Its events, the newest first, back to where it was started."""
    for event in account.all("cloudformation", "describe_stack_events", "StackEvents", StackName=stack):
        yield event
        if event["PhysicalResourceId"] == event["StackId"] and event["ResourceStatus"] in STARTS:
            return
