"""What stays behind: orphaned scaling, resources outside of any stack, log groups."""

from pathlib import Path
from typing import Any

from scrutineer.deployment.checks import leftovers
from scrutineer.deployment.findings import Verdict
from tests.fakes.aws_account import refused
from tests.unit.scrutineer.deployment.projects import ACCOUNT, REGION, only, project, stack, subject, told

TOPIC = {"Topic": {"Type": "AWS::SNS::Topic"}}
NO_STACK = {"cloudformation.describe_stacks": refused("ValidationError", "scrutineer-dev does not exist")}
TAGS = {"application": "scrutineer", "environment": "dev"}


def targets(**by_namespace: list[tuple[str, str]]) -> dict[str, Any]:
    return {
        "application-autoscaling.describe_scalable_targets": lambda given: {
            "ScalableTargets": [
                {"ResourceId": resource_id, "ScalableDimension": dimension}
                for resource_id, dimension in by_namespace.get(given["ServiceNamespace"], [])
            ]
        },
        "sagemaker.list_endpoints": {"Endpoints": [{"EndpointName": "there"}]},
        "sagemaker.list_inference_components": {"InferenceComponents": [{"InferenceComponentName": "there"}]},
        "lambda.get_alias": lambda given: (
            {} if given["FunctionName"] == "there" else _raise(refused("ResourceNotFoundException"))
        ),
        "ecs.describe_services": lambda given: {
            "services": [{"status": "ACTIVE" if given["services"] == ["there"] else "INACTIVE"}]
        },
    }


def _raise(error: Exception) -> Any:
    raise error


VARIANT, COPIES = "sagemaker:variant:DesiredInstanceCount", "sagemaker:inference-component:DesiredCopyCount"
PROVISIONED, TASKS = "lambda:function:ProvisionedConcurrency", "ecs:service:DesiredCount"


def test_scaling_of_what_is_there(tmp_path: Path) -> None:
    well = targets(
        sagemaker=[("endpoint/there/variant/main", VARIANT), ("inference-component/there", COPIES)],
        **{"lambda": [("function:there:live", PROVISIONED)]},
        ecs=[("service/cluster/there", TASKS)],
    )
    assert told(leftovers.scalable_targets(subject(project(tmp_path, TOPIC), well))) == [
        ("ok", "each has what it scales")
    ]


def test_scaling_of_what_is_gone(tmp_path: Path) -> None:
    orphaned = targets(
        sagemaker=[("endpoint/gone/variant/main", VARIANT), ("inference-component/gone", COPIES)],
        **{"lambda": [("function:gone:live", PROVISIONED)]},
        ecs=[("service/cluster/gone", TASKS)],
    )
    found = list(leftovers.scalable_targets(subject(project(tmp_path, TOPIC), orphaned)))
    assert [finding.verdict for finding in found] == [Verdict.FAIL] * 4
    assert found[0].mend == (
        "aws application-autoscaling deregister-scalable-target --service-namespace sagemaker "
        f"--resource-id endpoint/gone/variant/main --scalable-dimension {VARIANT}"
    )


def tagged(*arns: str) -> dict[str, Any]:
    return {
        "resourcegroupstaggingapi.get_resources": {"ResourceTagMappingList": [{"ResourceARN": arn} for arn in arns]},
        "ec2.describe_nat_gateways": lambda given: {
            "NatGateways": [{"State": "available" if given["NatGatewayIds"] == ["nat-1"] else "deleted"}]
        },
    }


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


NAT, OLD_NAT = arn("ec2", "natgateway/nat-1"), arn("ec2", "natgateway/nat-2")
BUCKET = "arn:aws:s3:::scrutineer-dev-inspectionbucket-1"
DATABASE = arn("rds", "db:database-1")
LOGS = arn("logs", "log-group:/aws/lambda/scrutineer-dev/invoke")


def test_what_bills_after_a_delete(tmp_path: Path) -> None:
    left = tagged(NAT, OLD_NAT, BUCKET, DATABASE, LOGS, arn("rds", "snapshot:last"), arn("ec2", "subnet/subnet-1"))
    asked = subject(project(tmp_path, TOPIC), {**NO_STACK, **left}, tags=TAGS)
    found = {finding.line: finding for finding in leftovers.billed(asked)}
    assert {line: finding.verdict.value for line, finding in found.items()} == {
        "a NAT gateway is in no stack any more: nat-1": "fail",
        "a bucket is in no stack any more: scrutineer-dev-inspectionbucket-1 (kept on purpose; it bills)": "warn",
        "a database is in no stack any more: database-1": "fail",
        "a log group is in no stack any more: /aws/lambda/scrutineer-dev/invoke": "fail",
        "a snapshot of the database is in no stack any more: last (kept on purpose; it bills)": "warn",
    }
    assert found["a NAT gateway is in no stack any more: nat-1"].mend == (
        "aws ec2 delete-nat-gateway --nat-gateway-id nat-1"
    )
    (_, asked_for) = next(each for each in asked.account.asked if each[0].startswith("resourcegroups"))  # type: ignore[attr-defined]
    assert asked_for["TagFilters"] == [
        {"Key": "application", "Values": ["scrutineer"]},
        {"Key": "environment", "Values": ["dev"]},
    ]


def test_what_is_in_the_stack_is_not_left_over(tmp_path: Path) -> None:
    living = stack(
        ("Nat", "AWS::EC2::NatGateway", "nat-1"),
        ("Bucket", "AWS::S3::Bucket", "scrutineer-dev-inspectionbucket-1"),
        ("Instance", "AWS::RDS::DBInstance", "database-1"),
        ("Logs", "AWS::Logs::LogGroup", "/aws/lambda/scrutineer-dev/invoke"),
    )
    asked = subject(project(tmp_path, TOPIC), {**living, **tagged(NAT, BUCKET, DATABASE, LOGS)}, tags=TAGS)
    assert only(leftovers.billed(asked)).verdict is Verdict.OK


def test_logs_of_endpoints_that_are_gone(tmp_path: Path) -> None:
    answers = {
        "sagemaker.list_endpoints": {"Endpoints": [{"EndpointName": "there"}]},
        "sagemaker.list_inference_components": {"InferenceComponents": [{"InferenceComponentName": "there"}]},
        "logs.describe_log_groups": lambda given: {
            "logGroups": [{"logGroupName": given["logGroupNamePrefix"] + name} for name in ("there", "gone")]
        },
    }
    found = list(leftovers.endpoint_logs(subject(project(tmp_path, TOPIC), answers)))
    assert [finding.mend for finding in found] == [
        f"aws logs delete-log-group --log-group-name /aws/sagemaker/{kind}/gone"
        for kind in ("Endpoints", "InferenceComponents")
    ]
