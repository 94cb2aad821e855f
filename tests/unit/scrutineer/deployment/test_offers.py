"""What a region lacks is told before half an hour is spent on finding out."""

from pathlib import Path
from typing import Any

import pytest

from scrutineer.deployment.checks import offers
from scrutineer.deployment.findings import Verdict
from tests.unit.scrutineer.deployment.projects import only, project, subject
from tests.unit.scrutineer.deployment.test_quotas import ENDPOINT

OFFERINGS = "ec2.describe_instance_type_offerings"


def test_an_instance_type_that_is_offered_and_one_that_is_not(tmp_path: Path) -> None:
    folder = project(tmp_path, ENDPOINT)
    zones = [{"InstanceType": "g5.xlarge", "Location": f"eu-west-1{zone}"} for zone in "ba"]
    found = only(offers.instance_types(subject(folder, {OFFERINGS: {"InstanceTypeOfferings": zones}})))
    assert (found.verdict, found.line) == (Verdict.OK, "g5.xlarge is offered in eu-west-1a, eu-west-1b")
    missing = only(offers.instance_types(subject(folder, {OFFERINGS: {"InstanceTypeOfferings": []}})))
    assert missing.verdict is Verdict.FAIL
    assert "eu-west-1 has no g5.xlarge" in missing.line


@pytest.mark.parametrize(("prices", "verdict"), [(["{}"], Verdict.OK), ([], Verdict.WARN), (None, Verdict.SKIPPED)])
def test_where_ec2_may_not_be_asked_prices_are(prices: list[str] | None, verdict: Verdict, tmp_path: Path) -> None:
    answers: dict[str, Any] = {} if prices is None else {"pricing.get_products": {"PriceList": prices}}
    found = only(offers.instance_types(subject(project(tmp_path, ENDPOINT), answers)))
    assert found.verdict is verdict
    if prices is None:
        assert "needs ec2:DescribeInstanceTypeOfferings, or needs pricing:GetProducts" in found.line


DATABASE = {
    "Database": {
        "Type": "AWS::RDS::DBInstance",
        "Properties": {
            "Engine": "mysql",
            "EngineVersion": "8.4",
            "DBInstanceClass": "db.t4g.medium",
            "MultiAZ": "true",
        },
    }
}


@pytest.mark.parametrize(
    ("options", "verdict"),
    [
        ([{"EngineVersion": "8.4.7", "MultiAZCapable": True}], Verdict.OK),
        ([{"EngineVersion": "8.0.44", "MultiAZCapable": True}], Verdict.FAIL),
        ([{"EngineVersion": "8.40.1", "MultiAZCapable": True}], Verdict.FAIL),
        ([{"EngineVersion": "8.4.7", "MultiAZCapable": False}], Verdict.FAIL),
        ([], Verdict.FAIL),
    ],
)
def test_a_database_class(options: list[dict[str, Any]], verdict: Verdict, tmp_path: Path) -> None:
    answers = {"rds.describe_orderable_db_instance_options": {"OrderableDBInstanceOptions": options}}
    assert only(offers.database_class(subject(project(tmp_path, DATABASE), answers))).verdict is verdict


def test_an_endpoint_of_a_service_that_the_region_lacks(tmp_path: Path) -> None:
    ways = {
        name: {
            "Type": "AWS::EC2::VPCEndpoint",
            "Properties": {"ServiceName": {"Fn::Sub": "com.amazonaws.${AWS::Region}." + name.lower()}},
        }
        for name in ("Sqs", "Apigateway")
    }
    folder = project(tmp_path, ways)
    some = {"ec2.describe_vpc_endpoint_services": {"ServiceNames": ["com.amazonaws.ap-south-1.sqs"]}}
    found = only(offers.service_endpoints(subject(folder, some, region="ap-south-1")))
    assert found.verdict is Verdict.FAIL
    assert "ap-south-1 has no endpoint of com.amazonaws.ap-south-1.apigateway" in found.line
    some["ec2.describe_vpc_endpoint_services"]["ServiceNames"].append("com.amazonaws.ap-south-1.apigateway")
    assert only(offers.service_endpoints(subject(folder, some, region="ap-south-1"))).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("states", "verdict"), [(["available"] * 2, Verdict.OK), (["available", "impaired"], Verdict.FAIL)]
)
def test_zones(states: list[str], verdict: Verdict, tmp_path: Path) -> None:
    zones = [{"ZoneName": str(index), "State": state} for index, state in enumerate(states)]
    answers = {"ec2.describe_availability_zones": {"AvailabilityZones": zones}}
    assert only(offers.zones(subject(project(tmp_path, ENDPOINT), answers))).verdict is verdict
