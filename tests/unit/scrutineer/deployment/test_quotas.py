"""Quotas: each too small by one, and just enough."""

from pathlib import Path
from typing import Any

import pytest

from scrutineer.deployment.checks import quotas
from scrutineer.deployment.findings import Verdict
from tests.fakes.aws_account import refused
from tests.unit.scrutineer.deployment.projects import only, project, stack, subject, told

NO_STACK = {"cloudformation.describe_stacks": refused("ValidationError", "Stack with id scrutineer-dev does not exist")}
ENDPOINT = {
    "Configuration": {
        "Type": "AWS::SageMaker::EndpointConfig",
        "Properties": {
            "ProductionVariants": [
                {
                    "VariantName": "main",
                    "InstanceType": "ml.g5.xlarge",
                    "InitialInstanceCount": 1,
                    "ManagedInstanceScaling": {"MinInstanceCount": 0, "MaxInstanceCount": 4},
                }
            ]
        },
    }
}


def sagemaker(limit: float, *, running: int = 0, name: str = "ml.g5.xlarge for endpoint usage") -> dict[str, Any]:
    return {
        **NO_STACK,
        "service-quotas.list_service_quotas": {
            "Quotas": [{"QuotaName": name, "QuotaCode": "L-1928E07B", "Value": limit}]
        },
        "service-quotas.list_aws_default_service_quotas": {"Quotas": []},
        "sagemaker.list_endpoints": {"Endpoints": [{"EndpointName": "other"}] if running else []},
        "sagemaker.describe_endpoint": {
            "EndpointConfigName": "other-1",
            "ProductionVariants": [{"VariantName": "v", "CurrentInstanceCount": running}],
        },
        "sagemaker.describe_endpoint_config": {
            "ProductionVariants": [{"VariantName": "v", "InstanceType": "ml.g5.xlarge"}]
        },
    }


@pytest.mark.parametrize(
    ("limit", "running", "verdict"),
    [(0, 0, Verdict.FAIL), (1, 1, Verdict.FAIL), (3, 0, Verdict.WARN), (4, 1, Verdict.WARN), (5, 1, Verdict.OK)],
)
def test_gpu_instances(limit: float, running: int, verdict: Verdict, tmp_path: Path) -> None:
    finding = only(quotas.gpu_instances(subject(project(tmp_path, ENDPOINT), sagemaker(limit, running=running))))
    assert finding.verdict is verdict
    if verdict is not Verdict.OK:
        assert finding.mend == (
            "aws service-quotas request-service-quota-increase --service-code sagemaker --quota-code L-1928E07B "
            f"--desired-value {4 + running}"
        )


def test_a_type_that_sagemaker_has_no_quota_for(tmp_path: Path) -> None:
    finding = only(quotas.gpu_instances(subject(project(tmp_path, ENDPOINT), sagemaker(9, name="another"))))
    assert finding.verdict is Verdict.FAIL
    assert "may not have the type" in finding.line


NETWORK = {
    "Vpc": {"Type": "AWS::EC2::VPC"},
    "Address": {"Type": "AWS::EC2::EIP"},
    "Nat": {"Type": "AWS::EC2::NatGateway"},
    "S3": {"Type": "AWS::EC2::VPCEndpoint", "Properties": {"VpcEndpointType": "Gateway"}},
    "Sqs": {"Type": "AWS::EC2::VPCEndpoint", "Properties": {"VpcEndpointType": "Interface"}},
    "Database": {"Type": "AWS::RDS::DBInstance"},
    "Proxy": {"Type": "AWS::RDS::DBProxy"},
}
USED: dict[str, Any] = {
    "ec2.describe_vpcs": {"Vpcs": [{}] * 4},
    "ec2.describe_addresses": {"Addresses": [{}] * 4},
    "ec2.describe_subnets": {"Subnets": [{"SubnetId": "subnet-1", "AvailabilityZone": "eu-west-1a"}]},
    "ec2.describe_nat_gateways": {
        "NatGateways": [{"SubnetId": "subnet-1", "State": state} for state in ("available", "deleted")]
    },
    "rds.describe_db_instances": {"DBInstances": [{}]},
    "rds.describe_db_proxies": {"DBProxies": [{}]},
}


def limited(limit: float) -> dict[str, Any]:
    return {**NO_STACK, **USED, "service-quotas.get_service_quota": {"Quota": {"Value": limit}}}


def test_what_the_network_and_the_database_need(tmp_path: Path) -> None:
    folder = project(tmp_path, NETWORK)
    assert told(quotas.network_and_database(subject(folder, limited(5)))) == [
        ("ok", "VPCs: 4 of 5 used, 1 more needed"),
        ("ok", "Elastic IPs: 4 of 5 used, 1 more needed"),
        ("ok", "NAT gateways in a zone: 1 of 5 used, 1 more needed"),
        ("ok", "interface endpoints in a VPC: 0 of 5 used, 1 more needed"),
        ("ok", "databases: 1 of 5 used, 1 more needed"),
        ("ok", "database proxies: 1 of 5 used, 1 more needed"),
    ]
    tight = list(quotas.network_and_database(subject(folder, limited(4))))
    assert [finding.verdict for finding in tight[:2]] == [Verdict.FAIL] * 2
    assert "--service-code vpc --quota-code L-F678F1CE --desired-value 5" in str(tight[0].mend)
    none_at_all = list(quotas.network_and_database(subject(folder, limited(0))))
    assert {finding.verdict for finding in none_at_all} == {Verdict.FAIL}


def test_what_the_stack_has_already_is_not_needed_again(tmp_path: Path) -> None:
    there = {
        **limited(4),
        **stack(("Vpc", "AWS::EC2::VPC", "vpc-1"), ("Address", "AWS::EC2::EIP", "eip-1")),
    }
    found = told(quotas.network_and_database(subject(project(tmp_path, NETWORK), there)))
    assert not any(line.startswith(("VPCs", "Elastic IPs")) for _, line in found)


def test_a_quota_that_was_never_changed_is_awss_default(tmp_path: Path) -> None:
    answers = {
        **limited(5),
        "service-quotas.get_service_quota": refused("NoSuchResourceException"),
        "service-quotas.get_aws_default_service_quota": {"Quota": {"Value": 4.0}},
    }
    first = next(quotas.network_and_database(subject(project(tmp_path, NETWORK), answers)))
    assert first.line == "VPCs: 4 of 4 used, 1 more needed"


def test_one_permission_that_is_missing_leaves_the_others(tmp_path: Path) -> None:
    answers = limited(50)
    del answers["rds.describe_db_proxies"]
    found = told(quotas.network_and_database(subject(project(tmp_path, NETWORK), answers)))
    assert found[-1] == ("skipped", "database proxies: could not look: needs rds:DescribeDBProxies")
    assert [verdict for verdict, _ in found[:-1]] == ["ok"] * 5


def function(reserved: int | None) -> dict[str, Any]:
    properties = {"Code": {"ZipFile": ""}} | ({} if reserved is None else {"ReservedConcurrentExecutions": reserved})
    return {
        "Worker": {"Type": "AWS::Lambda::Function", "Properties": properties},
        "Polls": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {"FunctionName": {"Ref": "Worker"}, "ScalingConfig": {"MaximumConcurrency": 50}},
        },
    }


@pytest.mark.parametrize(
    ("reserved", "total", "unreserved", "verdict"),
    [
        (None, 10, 10, Verdict.FAIL),  # a new account's limit
        (None, 1000, 40, Verdict.WARN),
        (50, 1000, 149, Verdict.FAIL),  # 99 would be left
        (50, 1000, 150, Verdict.OK),
        (None, 1000, 1000, Verdict.OK),
    ],
)
def test_lambda_concurrency(
    reserved: int | None, total: int, unreserved: int, verdict: Verdict, tmp_path: Path
) -> None:
    limits = {"ConcurrentExecutions": total, "UnreservedConcurrentExecutions": unreserved}
    answers = {**NO_STACK, "lambda.get_account_settings": {"AccountLimit": limits}}
    finding = only(quotas.lambda_concurrency(subject(project(tmp_path, function(reserved)), answers)))
    assert finding.verdict is verdict


def test_what_the_stack_reserves_already_counts_for_it(tmp_path: Path) -> None:
    limits = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 120}
    answers = {
        **stack(("Worker", "AWS::Lambda::Function", "worker-1")),
        "lambda.get_account_settings": {"AccountLimit": limits},
        "lambda.get_function_concurrency": {"ReservedConcurrentExecutions": 50},
    }
    finding = only(quotas.lambda_concurrency(subject(project(tmp_path, function(50)), answers)))
    assert finding.verdict is Verdict.OK
