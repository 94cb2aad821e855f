"""Drift: what was changed by hand, in the stack and in those nested in it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scrutineer.deployment.checks import drift
from tests.fakes.aws_account import refused
from tests.unit.scrutineer.deployment.projects import ACCOUNT, REGION, project, stack, subject, told

NESTED = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/scrutineer-dev-Network-1X/2"
TOPIC = {"Topic": {"Type": "AWS::SNS::Topic"}}


def answers(drifts: Mapping[str, list[dict[str, Any]]], *, polls: int = 1) -> dict[str, Any]:
    asked: dict[str, int] = {}

    def resources(parameters: Mapping[str, Any]) -> dict[str, Any]:
        inside = parameters["StackName"] == NESTED
        found = stack(*([] if inside else [("Network", "AWS::CloudFormation::Stack", NESTED)]))
        summaries: dict[str, Any] = found["cloudformation.list_stack_resources"]
        return summaries

    def status(parameters: Mapping[str, Any]) -> dict[str, Any]:
        detection = parameters["StackDriftDetectionId"]
        asked[detection] = asked.get(detection, 0) + 1
        done = asked[detection] >= polls
        return {"DetectionStatus": "DETECTION_COMPLETE" if done else "DETECTION_IN_PROGRESS"}

    return {
        **stack(),
        "cloudformation.list_stack_resources": resources,
        "cloudformation.detect_stack_drift": lambda given: {"StackDriftDetectionId": f"d-{given['StackName']}"[-36:]},
        "cloudformation.describe_stack_drift_detection_status": status,
        "cloudformation.describe_stack_resource_drifts": lambda given: {
            "StackResourceDrifts": drifts.get(given["StackName"], [])
        },
    }


def test_nothing_was_changed(tmp_path: Path) -> None:
    slept: list[float] = []
    found = told(drift.drift(subject(project(tmp_path, TOPIC), answers({}, polls=3)), sleep=slept.append))
    assert found == [("ok", "2 stacks are as CloudFormation left them")]
    assert len(slept) >= 2


def test_what_was_changed_and_what_was_deleted(tmp_path: Path) -> None:
    changed = {
        "LogicalResourceId": "Queue",
        "StackResourceDriftStatus": "MODIFIED",
        "PropertyDifferences": [
            {"PropertyPath": "/VisibilityTimeout", "ExpectedValue": "450", "ActualValue": "canary"},
        ],
    }
    gone = {"LogicalResourceId": "Nat", "StackResourceDriftStatus": "DELETED"}
    found = list(
        drift.drift(
            subject(project(tmp_path, TOPIC), answers({"scrutineer-dev": [changed], NESTED: [gone]})),
            sleep=lambda seconds: None,
        )
    )
    assert told(found) == [
        ("warn", "scrutineer-dev: Queue was changed by hand: /VisibilityTimeout"),
        ("warn", "scrutineer-dev-Network-1X: Nat was deleted by hand"),
    ]
    assert "describe-stack-resource-drifts --stack-name scrutineer-dev" in str(found[0].mend)
    assert "canary" not in str(found)


def test_a_detection_that_does_not_end_is_left(tmp_path: Path) -> None:
    slept: list[float] = []
    found = told(drift.drift(subject(project(tmp_path, TOPIC), answers({}, polls=10**6)), sleep=slept.append))
    assert found == [("skipped", "2 stacks are still looked at after 180 s; ask again later")]
    assert sum(slept) <= drift.LONGEST_S


def test_a_stack_that_can_not_be_looked_at_now(tmp_path: Path) -> None:
    busy = {**answers({}), "cloudformation.detect_stack_drift": refused("ValidationError", "is in UPDATE_IN_PROGRESS")}
    found = told(drift.drift(subject(project(tmp_path, TOPIC), busy), sleep=lambda seconds: None))
    assert [verdict for verdict, _ in found] == ["skipped", "skipped"]
