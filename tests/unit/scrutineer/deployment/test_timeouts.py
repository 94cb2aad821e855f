"""The chain of time limits: each link that can be wrong, planted."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from scrutineer.deployment.checks import quotas, timeouts
from scrutineer.deployment.checks.timeouts import Chain, Limits, judged
from scrutineer.deployment.findings import Verdict
from scrutineer.deployment.subject import Subject
from scrutineer.local.settings import ROOT
from tests.fakes.aws_account import FakeAccount
from tests.unit.scrutineer.deployment.projects import only, project, stack, subject, told

WELL = Chain(
    functions={
        "Front": Limits(timeout_s=29, behind_gateway=True, reads_s=22),
        "Worker": Limits(timeout_s=75, lease_s=80, reads_s=70),
    },
    queues={"Queue": 450},
    polls=(("Worker", "Queue"),),
)


def with_function(path: str, **changes: Any) -> Chain:
    return dataclasses.replace(
        WELL, functions={**WELL.functions, path: dataclasses.replace(WELL.functions[path], **changes)}
    )


@pytest.mark.parametrize(
    ("chain", "words"),
    [
        (with_function("Front", timeout_s=30), "Front may take 30 s, the gateway cuts it off at 29 s"),
        (with_function("Front", reads_s=29), "Front ends after 29 s, before its call of the endpoint (29 s)"),
        (with_function("Worker", reads_s=75), "Worker ends after 75 s, before its call of the endpoint (75 s)"),
        (with_function("Worker", reads_s=60), "Worker stops reading after 60 s; SageMaker answers for up to 60 s"),
        (with_function("Worker", lease_s=75), "Worker holds work for 75 s and may run for 75 s"),
        (with_function("Worker", lease_s=450), "Queue shows it again after 450 s"),
        (dataclasses.replace(WELL, queues={"Queue": 449}), "Queue hides for 449 s, less than 6 × Worker's 75 s"),
    ],
)
def test_each_link(chain: Chain, words: str) -> None:
    finding = only(judged("timeouts", chain, "mend"))
    assert finding.verdict is Verdict.FAIL
    assert words in finding.line
    assert finding.mend == "mend"


def test_a_chain_that_holds() -> None:
    assert only(judged("timeouts", WELL, "mend")).verdict is Verdict.OK


FUNCTION = {
    "Type": "AWS::Lambda::Function",
    "Properties": {
        "Timeout": 75,
        "Code": {"ZipFile": ""},
        "Environment": {"Variables": {"LEASE_S": "80", "ENDPOINT": "sagemaker:x"}},
    },
}
QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 450}}
RESOURCES = {
    "Worker": FUNCTION,
    "WorkerAlias": {"Type": "AWS::Lambda::Alias", "Properties": {"FunctionName": {"Ref": "Worker"}, "Name": "live"}},
    "Queue": QUEUE,
    "Polls": {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {
            "FunctionName": {"Ref": "WorkerAlias"},
            "EventSourceArn": {"Fn::GetAtt": ["Queue", "Arn"]},
            "ScalingConfig": {"MaximumConcurrency": 15},
        },
    },
}


def test_read_from_a_template(tmp_path: Path) -> None:
    assert only(timeouts.in_template(subject(project(tmp_path, RESOURCES)))).verdict is Verdict.OK
    hasty = {**RESOURCES, "Queue": {**QUEUE, "Properties": {"VisibilityTimeout": 100}}}
    lines = [line for _, line in told(timeouts.in_template(subject(project(tmp_path, hasty))))]
    assert any("hides for 100 s" in line for line in lines)


def test_the_repositorys_own_chain_holds() -> None:
    found = asked = timeouts.asked_chain(Subject(subject(ROOT).environment, ROOT, FakeAccount({})))
    assert only(judged("timeouts", found, "")).verdict is Verdict.OK
    fronts = [path for path, limits in asked.functions.items() if limits.behind_gateway]
    assert "InspectionsFunction" in fronts
    assert asked.functions["InvokeFunction"].reads_s == 70
    assert ("InvokeFunction", "InvokeQueue") in asked.polls


def deployed(*, timeout_s: int = 75, visible_s: int = 450) -> dict[str, Any]:
    return {
        **stack(("Worker", "AWS::Lambda::Function", "worker-1"), ("Queue", "AWS::SQS::Queue", "https://sqs/queue-1")),
        "lambda.get_function_configuration": {
            "Timeout": timeout_s,
            "Environment": {"Variables": {"LEASE_S": "80", "DATABASE_PASSWORD": "canary"}},
        },
        "sqs.get_queue_attributes": {"Attributes": {"VisibilityTimeout": str(visible_s)}},
    }


def test_what_is_deployed(tmp_path: Path) -> None:
    folder = project(tmp_path, RESOURCES)
    assert only(timeouts.in_stack(subject(folder, deployed()))).verdict is Verdict.OK
    changed = told(timeouts.in_stack(subject(folder, deployed(timeout_s=60, visible_s=30))))
    assert ("warn", "Worker has 60 s, the template says 75 s") in changed
    assert ("fail", "Worker ends after 60 s, before its call of the endpoint (70 s)") in changed
    assert any("Queue hides for 30 s" in line for _, line in changed)
    assert "canary" not in str(changed)


@pytest.mark.parametrize(("reserved", "verdict"), [(14, Verdict.FAIL), (15, Verdict.OK), (None, Verdict.OK)])
def test_a_function_that_reserves_less_than_its_queue_starts(
    reserved: int | None, verdict: Verdict, tmp_path: Path
) -> None:
    properties = {**FUNCTION["Properties"], "ReservedConcurrentExecutions": reserved}  # type: ignore[dict-item]
    if reserved is None:
        del properties["ReservedConcurrentExecutions"]
    folder = project(tmp_path, {**RESOURCES, "Worker": {**FUNCTION, "Properties": properties}})
    assert only(quotas.reserved_for_queues(subject(folder))).verdict is verdict
