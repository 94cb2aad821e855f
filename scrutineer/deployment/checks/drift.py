"""What somebody changed by hand: CloudFormation's own detection, for the stack and its nested ones."""

import time
from collections.abc import Callable, Iterator

from scrutineer.deployment.account import Account, Refused
from scrutineer.deployment.findings import Finding, ok, skipped, warn
from scrutineer.deployment.stack import NESTED
from scrutineer.deployment.subject import Subject

LONGEST_S = 180.0
PAUSE_S = 3.0


def drift(subject: Subject, *, sleep: Callable[[float], None] = time.sleep) -> Iterator[Finding]:
    """All detections run at once, and are waited for together for at most LONGEST_S."""
    assert subject.stack is not None
    names = [subject.stack.name, *(each.physical_id for each in subject.stack.of_type(NESTED) if each.physical_id)]
    account, started, drifted = subject.account, {}, 0
    for name in names:
        try:
            answer = account.ask("cloudformation", "detect_stack_drift", StackName=name)
        except Refused as refused:
            yield skipped("drift", f"{_short(name)}: {refused}")
            continue
        started[name] = answer["StackDriftDetectionId"]
    left_s = LONGEST_S
    while running := [name for name, detection in started.items() if _running(account, detection)]:
        if left_s <= 0:
            yield skipped("drift", f"{len(running)} stacks are still looked at after {LONGEST_S:g} s; ask again later")
            break
        sleep(PAUSE_S)
        left_s -= PAUSE_S
    for name in started:
        if name in running:
            continue
        for each in account.ask(
            "cloudformation",
            "describe_stack_resource_drifts",
            StackName=name,
            StackResourceDriftStatusFilters=["MODIFIED", "DELETED"],
        )["StackResourceDrifts"]:
            drifted += 1
            yield warn(
                "drift",
                f"{_short(name)}: {each['LogicalResourceId']} was {_words(each)}",
                f"aws cloudformation describe-stack-resource-drifts --stack-name {name} "
                "--query 'StackResourceDrifts[].[LogicalResourceId,PropertyDifferences]'",
            )
    if started and not drifted and not running:
        yield ok("drift", f"{len(started)} stacks are as CloudFormation left them")


def _running(account: Account, detection: str) -> bool:
    found = account.ask("cloudformation", "describe_stack_drift_detection_status", StackDriftDetectionId=detection)
    return bool(found["DetectionStatus"] == "DETECTION_IN_PROGRESS")


def _words(drifted: dict[str, object]) -> str:
    if drifted["StackResourceDriftStatus"] == "DELETED":
        return "deleted by hand"
    differences = drifted.get("PropertyDifferences")
    paths = [each["PropertyPath"] for each in differences] if isinstance(differences, list) else []
    return f"changed by hand: {', '.join(paths[:5])}"


def _short(name: str) -> str:
    """The stack's name out of its id."""
    return name.split("/")[1] if name.startswith("arn:") else name
