"""What a deployment costs: counted from its resources, with prices that have a source, and none that is guessed."""

import datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from scrutineer.deployment.costs import Cost, inspection_costs, standing_costs, total
from scrutineer.deployment.instances import Instances, endpoint_instances
from scrutineer.deployment.prices import HOURS, price, prices
from scrutineer.deployment.resources import Expected, expected_resources
from scrutineer.local.settings import ROOT
from tests.unit.scrutineer.deployment.projects import IMAGE, project

REGION = "us-east-1"


def by_item(costs: list[Cost]) -> dict[str, Cost]:
    return {each.item: each for each in costs}


def test_every_price_has_its_source_region_and_date() -> None:
    assert prices()
    for each in prices():
        assert urlsplit(each.source).scheme == "https", each.item
        assert datetime.date.fromisoformat(each.date) <= datetime.date(2026, 11, 21), each.item
        assert each.region == "*" or each.region.count("-") == 2, each.item
        assert each.usd > 0, each.item
        assert each.per in (*HOURS, "million", "one"), each.item
    keys = [(each.item, each.region) for each in prices()]
    assert len(set(keys)) == len(keys)


def test_a_price_of_another_region_is_unknown_here() -> None:
    assert price("nat-gateway", REGION) is not None
    assert price("nat-gateway", "ap-south-1") is None
    assert price("nat-gateway", None) is None
    assert price("waf-acl", "ap-south-1") is not None


def resource(kind: str, **properties: object) -> Expected:
    return Expected(kind.rpartition(":")[2], kind, properties)


@pytest.mark.parametrize(
    ("resources", "item", "count", "most"),
    [
        ([resource("AWS::EC2::NatGateway")] * 2, "nat-gateway", 2, 2),
        (
            [resource("AWS::EC2::VPCEndpoint", VpcEndpointType="Interface", SubnetIds=["a", "b"])] * 3,
            "interface-endpoint-zone",
            6,
            6,
        ),
        (
            [resource("AWS::RDS::DBInstance", DBInstanceClass="db.t4g.medium", AllocatedStorage="20", MultiAZ="true")],
            "database:db.t4g.medium",
            2,
            2,
        ),
        (
            [resource("AWS::RDS::DBInstance", DBInstanceClass="db.t4g.medium", AllocatedStorage="20", MultiAZ="false")],
            "database-storage-gb",
            20,
            20,
        ),
        (
            [
                Expected("Task", "AWS::ECS::TaskDefinition", {"Cpu": "4096", "Memory": "16384"}),
                resource("AWS::ECS::Service", TaskDefinition="Task", DesiredCount=2),
            ],
            "fargate-gb",
            32,
            32,
        ),
        ([resource("AWS::WAFv2::WebACL", Rules=[{}, {}, {}])], "waf-rule", 3, 3),
        ([resource("AWS::CloudWatch::Alarm")] * 4, "alarm", 4, 4),
    ],
)
def test_what_is_counted(resources: list[Expected], item: str, count: float, most: float) -> None:
    found = by_item(standing_costs(resources, REGION))[item]
    assert (found.count, found.most, found.closed) == (count, most, count)


def test_what_sleeps_while_the_service_is_closed() -> None:
    pool = [{"InstanceType": "ml.g6.xlarge", "Priority": 2}, {"InstanceType": "ml.g5.xlarge", "Priority": 1}]
    variant = {
        "InstancePools": pool,
        "InitialInstanceCount": 1,
        "ManagedInstanceScaling": {"MinInstanceCount": 0, "MaxInstanceCount": 6},
    }
    target = resource(
        "AWS::ApplicationAutoScaling::ScalableTarget",
        ScalableDimension="sagemaker:inference-component:DesiredCopyCount",
        MinCapacity=0,
        MaxCapacity="4",
        ScheduledActions=[
            {"ScalableTargetAction": {"MinCapacity": "2"}},
            {"ScalableTargetAction": {"MinCapacity": 0}},
        ],
    )
    resources = [resource("AWS::SageMaker::EndpointConfig", ProductionVariants=[variant]), target]
    assert endpoint_instances(resources) == [
        Instances(("ml.g5.xlarge", "ml.g6.xlarge"), closed=0, open=2, most=4, updating=6)
    ]
    (cost,) = standing_costs(resources, REGION)
    assert (cost.what, cost.count, cost.closed, cost.most) == ("endpoint ml.g5.xlarge (or ml.g6.xlarge)", 2, 0, 4)
    assert cost.closed_hourly_usd == 0
    assert cost.most_hourly_usd == pytest.approx(4 * 1.41)


def test_without_scaling_there_is_what_the_configuration_says() -> None:
    variant = {"InstanceType": "ml.g5.xlarge", "InitialInstanceCount": "2"}
    resources = [resource("AWS::SageMaker::EndpointConfig", ProductionVariants=[variant])]
    assert endpoint_instances(resources) == [Instances(("ml.g5.xlarge",), closed=2, open=2, most=2, updating=4)]


def test_gateway_endpoints_cost_nothing() -> None:
    assert standing_costs([resource("AWS::EC2::VPCEndpoint", VpcEndpointType="Gateway")], REGION) == []


def test_a_sum_by_hand(tmp_path: Path) -> None:
    folder = project(tmp_path, {"Nat": {"Type": "AWS::EC2::NatGateway"}, "Key": {"Type": "AWS::KMS::Key"}})
    costs = standing_costs(expected_resources(folder / "template.yaml", {}), REGION)
    assert total([each.hourly_usd for each in costs]) == pytest.approx(0.045 + 1 / 730)
    unknown = standing_costs(expected_resources(folder / "template.yaml", {}), "eu-west-1")
    assert [each.hourly_usd for each in unknown] == [None, None]


def test_the_repositorys_own() -> None:
    resources = expected_resources(ROOT / "template.yaml", {"EgressPath": "true"})
    found = by_item(standing_costs(resources, REGION))
    assert {
        "nat-gateway",
        "public-ipv4",
        "interface-endpoint-zone",
        "database:db.t4g.medium",
        "database-proxy",
        "kms-key",
    } <= set(found)
    assert found["database-proxy"].hourly_usd is None


@pytest.mark.parametrize(
    ("way", "closed", "updating"), [("components", 0, 6), ("variants", 1, 8), ("asynchronous", 0, 8)]
)
def test_the_repositorys_own_endpoint(way: str, closed: int, updating: int) -> None:
    given = {
        "EndpointWay": way,
        "EndpointInstanceCount": "3",
        "ServiceOpens": "06:00",
        "ServiceCloses": "20:00",
        "ModelImage": IMAGE,
        "ModelArtifact": "s3://models/model.tar.gz",
        "ModelDigest": "d" * 64,
    }
    (found,) = endpoint_instances(expected_resources(ROOT / "template.yaml", given))
    assert (found.closed, found.open, found.most, found.updating) == (closed, 3, 4, updating)


def test_what_inspections_cost_besides() -> None:
    functions = [resource("AWS::Lambda::Function", Handler="invoke.app.handler", MemorySize=1024)]
    uses = {each.item: each for each in inspection_costs(functions, REGION, endpoint_s=3)}
    assert uses["gateway-request"].usd == pytest.approx(0.0035)
    assert uses["lambda-gb-second"].amount == pytest.approx(1000 * 3.2)
    assert "waf-request" not in uses
    guarded = inspection_costs([*functions, resource("AWS::WAFv2::WebACL")], REGION, endpoint_s=3)
    assert {each.item for each in guarded} - set(uses) == {"waf-request"}
