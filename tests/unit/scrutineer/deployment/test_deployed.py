"""The stack's state and what is deployed, with each thing that can be wrong planted."""

from pathlib import Path
from typing import Any

import pytest

from scrutineer.deployment.checks import deployed
from scrutineer.deployment.findings import Verdict
from tests.fakes.aws_account import refused
from tests.unit.scrutineer.deployment.projects import DIGEST, IMAGE, only, project, stack, subject, told

TOPIC = {"Topic": {"Type": "AWS::SNS::Topic"}}
ARTIFACT = "s3://models/model.tar.gz"
DECLARED: dict[str, Any] = {
    "ModelImage": {"Type": "String", "Default": ""},
    "ModelArtifact": {"Type": "String", "Default": ""},
    "ModelDigest": {"Type": "String", "Default": ""},
    "LogLevel": {"Type": "String", "Default": "INFO"},
    "Token": {"Type": "String", "Default": "", "NoEcho": True},
    "ManageApiGatewayAccount": {"Type": "String", "Default": "true"},
}


@pytest.mark.parametrize(
    ("status", "verdict", "mend"),
    [
        ("CREATE_COMPLETE", Verdict.OK, None),
        ("UPDATE_COMPLETE", Verdict.OK, None),
        ("ROLLBACK_COMPLETE", Verdict.FAIL, "sam delete --stack-name scrutineer-dev"),
        ("UPDATE_ROLLBACK_FAILED", Verdict.FAIL, "continue-update-rollback --stack-name scrutineer-dev"),
        ("UPDATE_ROLLBACK_COMPLETE", Verdict.WARN, "sam deploy --config-env dev"),
        ("DELETE_FAILED", Verdict.FAIL, "doctor --after"),
        ("UPDATE_IN_PROGRESS", Verdict.FAIL, "wait stack-update-complete"),
        ("CREATE_IN_PROGRESS", Verdict.FAIL, "wait stack-create-complete"),
        ("DELETE_IN_PROGRESS", Verdict.FAIL, "wait stack-delete-complete"),
        ("REVIEW_IN_PROGRESS", Verdict.WARN, "sam deploy"),
    ],
)
def test_each_state_with_its_way_back(status: str, verdict: Verdict, mend: str | None, tmp_path: Path) -> None:
    answers = stack(("Topic", "AWS::SNS::Topic", "t"), status=status, StackStatusReason="because")
    found = only(deployed.state(subject(project(tmp_path, TOPIC), answers)))
    assert found.verdict is verdict
    assert status in found.line
    if mend is None:
        assert found.mend is None
    else:
        assert mend in str(found.mend)


def test_there_is_no_stack_yet(tmp_path: Path) -> None:
    answers = {"cloudformation.describe_stacks": refused("ValidationError", "scrutineer-dev does not exist")}
    assert only(deployed.state(subject(project(tmp_path, TOPIC), answers))).verdict is Verdict.OK


def test_all_resources_are_there_or_some_are_not(tmp_path: Path) -> None:
    folder = project(tmp_path, TOPIC)
    whole = subject(folder, stack(("Topic", "AWS::SNS::Topic", "t")))
    assert told(deployed.settled(whole)) == [("ok", "all 1 resources in the stack and 0 nested ones")]
    assert told(deployed.settled(subject(folder, stack()))) == [("warn", "1 resources are not in the stack: Topic, …")]
    half = stack(("Topic", "AWS::SNS::Topic", "t"), status="UPDATE_ROLLBACK_FAILED")
    half["cloudformation.list_stack_resources"]["StackResourceSummaries"][0]["ResourceStatus"] = "UPDATE_FAILED"
    assert told(deployed.settled(subject(folder, half))) == [
        ("fail", "scrutineer-dev is UPDATE_ROLLBACK_FAILED (Topic failed)")
    ]


def with_parameters(**values: str) -> dict[str, Any]:
    return stack(Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()])


def test_parameters_deployed_and_asked_for(tmp_path: Path) -> None:
    folder = project(tmp_path, TOPIC, declared=DECLARED)
    asked = {"LogLevel": "DEBUG", "Token": "canary"}
    differing = subject(folder, with_parameters(LogLevel="INFO", Token="****"), parameters=asked)
    assert told(deployed.parameters(differing)) == [("warn", "LogLevel is 'INFO', asked for is 'DEBUG'")]
    same = subject(folder, with_parameters(LogLevel="DEBUG", Token="****"), parameters=asked)
    assert told(deployed.parameters(same)) == [("ok", "as asked for")]


def model(image: str, artifact: str, *, by_source: bool = False) -> dict[str, Any]:
    files = (
        {"ModelDataSource": {"S3DataSource": {"S3Uri": artifact, "S3DataType": "S3Object", "CompressionType": "Gzip"}}}
        if by_source
        else {"ModelDataUrl": artifact}
    )
    return {
        **stack(
            ("Model", "AWS::SageMaker::Model", "model-1"), ("Endpoint", "AWS::SageMaker::Endpoint", "arn:e/endpoint-1")
        ),
        "sagemaker.describe_model": {
            "PrimaryContainer": {"Image": image, "Environment": {"MODEL_DIGEST": "1" * 64}, **files}
        },
    }


@pytest.mark.parametrize("by_source", [False, True])
def test_image_and_artifact_deployed_are_those_asked_for(by_source: bool, tmp_path: Path) -> None:
    folder, asked = project(tmp_path, TOPIC, declared=DECLARED), {"ModelImage": IMAGE, "ModelArtifact": ARTIFACT}
    same = model(IMAGE, ARTIFACT, by_source=by_source)
    assert only(deployed.model(subject(folder, same, parameters=asked))).verdict is Verdict.OK
    other = model(IMAGE.replace("a" * 64, "b" * 64), "s3://models/old.tar.gz", by_source=by_source)
    found = told(deployed.model(subject(folder, other, parameters=asked)))
    assert [verdict for verdict, _ in found] == ["fail", "fail"]
    assert "the image deployed is" in found[0][1]
    weights = told(deployed.model(subject(folder, same, parameters={**asked, "ModelDigest": "2" * 64})))
    assert [(verdict, line[:31]) for verdict, line in weights] == [("fail", "the weights' digest deployed is")]
    assert found[1][1] == f"the artifact deployed is s3://models/old.tar.gz, asked for is {ARTIFACT}"


def endpoint(status: str, digest: str = DIGEST, reason: str | None = None) -> dict[str, Any]:
    variant = {"VariantName": "main", "DeployedImages": [{"ResolvedImage": f"x/scrutineer@{digest}"}]}
    more = {"FailureReason": reason} if reason else {}
    return {
        **model(IMAGE, ARTIFACT),
        "sagemaker.describe_endpoint": {"EndpointStatus": status, "ProductionVariants": [variant], **more},
    }


def test_the_endpoint(tmp_path: Path) -> None:
    folder, asked = project(tmp_path, TOPIC, declared=DECLARED), {"ModelImage": IMAGE}

    def looked(answers: dict[str, Any]) -> list[tuple[str, str]]:
        return told(deployed.endpoint(subject(folder, answers, parameters=asked)))

    assert looked(endpoint("InService")) == [("ok", "endpoint-1 is InService")]
    assert looked(endpoint("Failed", reason="no capacity")) == [("fail", "endpoint-1 is Failed: no capacity")]
    assert looked(endpoint("Updating")) == [("fail", "endpoint-1 is Updating")]
    stale = looked(endpoint("InService", digest="sha256:" + "b" * 64))
    assert stale[1] == ("fail", "endpoint-1 runs sha256:bbbbbbbbbbbb…, asked for is sha256:aaaaaaaaaaaa…")
    gone = {
        **model(IMAGE, ARTIFACT),
        "sagemaker.describe_endpoint": refused("ValidationException", "Could not find it"),
    }
    assert looked(gone) == [("fail", "endpoint-1 is gone")]


@pytest.mark.parametrize(
    ("manages", "role", "mine", "verdict"),
    [
        ("true", None, False, Verdict.OK),
        ("true", "arn:aws:iam::1:role/another", False, Verdict.WARN),
        ("true", "arn:aws:iam::1:role/mine", True, Verdict.OK),
        ("false", "arn:aws:iam::1:role/another", False, Verdict.OK),
        ("false", None, False, Verdict.FAIL),
    ],
)
def test_api_gateways_role_for_logs(
    manages: str, role: str | None, mine: bool, verdict: Verdict, tmp_path: Path
) -> None:
    resources = [("ApiAccount", "AWS::ApiGateway::Account", "a")] if mine else []
    answers = {**stack(*resources), "apigateway.get_account": {"cloudwatchRoleArn": role} if role else {}}
    folder = project(tmp_path, TOPIC, declared=DECLARED)
    found = only(deployed.gateway_account(subject(folder, answers, parameters={"ManageApiGatewayAccount": manages})))
    assert found.verdict is verdict
