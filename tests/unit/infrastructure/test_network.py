"""Who can reach whom: by pairs of groups that agree, and out of the network only where that was asked for."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from moto import mock_aws

from tests.unit.infrastructure.resolved import resources

EVERYWHERE = "0.0.0.0/0"
VPC = "10.40.0.0/20"
ANSWERS = """
SUCCESS, FAILED = "SUCCESS", "FAILED"
sent = []
def send(event, context, status, data, physical_id, reason=None):
    sent.append((status, data, reason))
"""


class Way(NamedTuple):
    """From a group to a group, a range or a prefix list, at a port."""

    source: str
    target: str
    port: int


def network(nested: Mapping[str, Any], **parameters: str) -> dict[str, dict[str, Any]]:
    fixed = {"Name": "scrutineer", "VpcCidr": VPC, "LogRetentionDays": "30", "KeyArn": "key"}
    switches = {
        "EndpointKind": "sagemaker",
        "EgressPath": "false",
        "ReachesContainers": "false",
        "HotReads": "none",
        "FlowLogs": "none",
    }
    return resources(without_lookups(nested["network.yaml"]), **(fixed | switches | parameters))


EVERYTHING = {"EgressPath": "true", "ReachesContainers": "true", "HotReads": "dynamodb", "FlowLogs": "all"}


@pytest.mark.parametrize("parameters", [{}, EVERYTHING, {"EndpointKind": "url", "ReachesContainers": "true"}])
def test_a_way_between_groups_is_open_at_both_ends(nested: Mapping[str, Any], parameters: dict[str, str]) -> None:
    found = network(nested, **parameters)
    out = {way for way in ways_out(found) if way.target.startswith("<")}
    into = set(ways_in(found))
    # The one group that may go everywhere needs no rule for each of those that let it in.
    everywhere = {way for way in into - out if Way(way.source, EVERYWHERE, way.port) in set(ways_out(found))}
    assert into - everywhere == out
    assert {way.source for way in everywhere} <= {"<EgressSecurityGroup>"}


@pytest.mark.parametrize("parameters", [{}, EVERYTHING])
def test_only_the_group_with_a_way_out_may_go_everywhere(nested: Mapping[str, Any], parameters: dict[str, str]) -> None:
    open_ways = {way for way in ways_out(network(nested, **parameters)) if way.target == EVERYWHERE}
    wanted = {Way("<EgressSecurityGroup>", EVERYWHERE, 443)} if parameters else set()
    assert open_ways == wanted


def test_no_group_of_another_stack_may_go_everywhere(nested: Mapping[str, Any]) -> None:
    open_groups = {
        (name, logical_id)
        for name, template in nested.items()
        for logical_id, resource in template["Resources"].items()
        if resource["Type"].startswith("AWS::EC2::SecurityGroup")
        and f'"CidrIp": "{EVERYWHERE}"' in json.dumps(resource)
    }
    assert open_groups == {("network.yaml", "EgressSecurityGroup")}


def test_nobody_is_let_in_by_an_address(nested: Mapping[str, Any]) -> None:
    for template in nested.values():
        for logical_id, resource in template["Resources"].items():
            properties = resource.get("Properties", {})
            assert "SecurityGroupIngress" not in properties, logical_id
            if resource["Type"] == "AWS::EC2::SecurityGroupIngress":
                assert "SourceSecurityGroupId" in properties, logical_id


def test_every_group_says_where_it_may_go(nested: Mapping[str, Any]) -> None:
    """EC2 opens a group without any rule of its own to everywhere, and rules apart from it do not close that."""
    for logical_id, group in groups(network(nested, **EVERYTHING)).items():
        assert group["SecurityGroupEgress"], logical_id


@pytest.mark.parametrize(
    ("parameters", "services"),
    [
        ({}, {"sqs", "secretsmanager", "apigateway", "sagemaker.runtime"}),
        ({"EndpointKind": "url"}, {"sqs", "secretsmanager", "apigateway"}),
        ({"EndpointKind": "fargate"}, {"sqs", "secretsmanager", "apigateway", "ecr.api", "ecr.dkr", "logs"}),
        ({"EgressPath": "true"}, {"sqs", "secretsmanager", "sagemaker.runtime"}),
        ({"EndpointKind": "url", "EgressPath": "true"}, {"sqs", "secretsmanager"}),
    ],
)
def test_an_interface_endpoint_is_there_for_somebody(
    nested: Mapping[str, Any], parameters: dict[str, str], services: set[str]
) -> None:
    """Each costs by the hour and zone."""
    found = endpoints(network(nested, **parameters), "Interface")
    assert set(found) == services
    for endpoint in found.values():
        assert endpoint["PrivateDnsEnabled"] is True
        assert endpoint["SecurityGroupIds"] == ["<EndpointSecurityGroup>"]


def test_every_service_that_functions_ask_can_be_reached(nested: Mapping[str, Any], root: Path) -> None:
    """boto3's clients in the code, against what the network leads to in the smallest set-up that has all of them."""
    asked = {
        service
        for path in (root / "functions").rglob("*.py")
        for service in re.findall(r'(?:client|resource)\(\s*"([a-z0-9-]+)"', path.read_text())
    }
    # RDS signs its tokens here, without a call.
    names = {"sagemaker-runtime": "sagemaker.runtime"}
    needed = {names.get(service, service) for service in asked - {"rds"}}
    found = network(nested, HotReads="dynamodb")
    reached = {*endpoints(found, "Interface"), *endpoints(found, "Gateway")}
    assert {"sqs", "s3", "dynamodb", "sagemaker.runtime", "apigateway"} <= needed
    assert needed <= reached


@pytest.mark.parametrize(
    ("parameters", "accounts"),
    [({}, ["000000000000"]), ({"PhotoBucketsOwner": "210987654321"}, ["000000000000", "210987654321"])],
)
def test_what_leaves_for_s3_goes_to_buckets_of_known_accounts(
    nested: Mapping[str, Any], parameters: dict[str, str], accounts: list[str]
) -> None:
    policy = endpoints(network(nested, **parameters), "Gateway")["s3"]["PolicyDocument"]
    *buckets, answers = policy["Statement"]
    assert [each["Condition"]["StringEquals"]["aws:ResourceAccount"] for each in buckets] == accounts
    assert {each["Condition"]["StringEquals"]["aws:PrincipalAccount"] for each in buckets} == {"000000000000"}
    assert all(each["Action"] == "s3:GetObject" for each in buckets[1:])
    assert (answers["Action"], answers["Resource"]) == (
        "s3:PutObject",
        "arn:aws:s3:::cloudformation-custom-resource-response-euwest1/*",
    )


def test_an_images_layers_can_be_fetched_where_tasks_do(nested: Mapping[str, Any]) -> None:
    policy = endpoints(network(nested, EndpointKind="fargate"), "Gateway")["s3"]["PolicyDocument"]
    (layers,) = [each for each in policy["Statement"] if each["Sid"] == "ImageLayers"]
    assert (layers["Action"], layers["Resource"]) == (
        "s3:GetObject",
        "arn:aws:s3:::prod-eu-west-1-starport-layer-bucket/*",
    )


def test_the_way_to_dynamodb_is_there_with_the_table(nested: Mapping[str, Any]) -> None:
    without, with_table = network(nested), network(nested, HotReads="dynamodb")
    assert set(with_table) - set(without) == {"DynamoDbEndpoint", "FunctionToDynamoDb"}
    (statement,) = with_table["DynamoDbEndpoint"]["PolicyDocument"]["Statement"]
    assert statement["Condition"] == {"StringEquals": {"aws:PrincipalAccount": "000000000000"}}


@pytest.mark.parametrize(("chosen", "logged"), [("rejected", "REJECT"), ("all", "ALL")])
def test_connections_are_logged_by_choice(nested: Mapping[str, Any], chosen: str, logged: str) -> None:
    log, group = (network(nested, FlowLogs=chosen)[name] for name in ("FlowLog", "FlowLogGroup"))
    assert log["TrafficType"] == logged
    assert (group["KmsKeyId"], group["RetentionInDays"]) == ("key", "30")
    assert not {"FlowLog", "FlowLogGroup", "FlowLogRole"} & set(network(nested))


@mock_aws
def test_prefix_lists_are_found_by_name(
    nested: Mapping[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code in the template, as Lambda runs it, against moto's EC2, which has the lists under AWS's names."""
    (tmp_path / "cfnresponse.py").write_text(ANSWERS)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "eu-west-1")
    code: dict[str, Any] = {}
    exec(nested["network.yaml"]["Resources"]["PrefixListsFunction"]["Properties"]["Code"]["ZipFile"], code)

    for kind, names in (("Create", ["s3", "dynamodb"]), ("Delete", ["s3"]), ("Update", ["nowhere"])):
        code["handler"]({"RequestType": kind, "ResourceProperties": {"Names": names}}, None)

    created, deleted, unknown = code["cfnresponse"].sent
    assert (created[0], set(created[1])) == ("SUCCESS", {"s3", "dynamodb"})
    assert all(re.fullmatch("pl-[0-9a-f]+", found) for found in created[1].values())
    assert deleted == ("SUCCESS", {}, None)
    assert unknown == ("FAILED", {}, "0 prefix lists have the name com.amazonaws.eu-west-1.nowhere")


def without_lookups(template: Mapping[str, Any]) -> Mapping[str, Any]:
    """Subnets without their zones, which are the region's, and their ranges, which EC2 cuts."""
    plain = {
        logical_id: {**resource, "Properties": {}} if resource["Type"] == "AWS::EC2::Subnet" else resource
        for logical_id, resource in template["Resources"].items()
    }
    return {**template, "Resources": plain}


def groups(found: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: each for name, each in found.items() if "GroupDescription" in each}


def endpoints(found: Mapping[str, dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    """By the service's name without the region's."""
    return {
        each["ServiceName"].removeprefix("com.amazonaws.eu-west-1."): each
        for each in found.values()
        if each.get("VpcEndpointType") == kind
    }


def ways_out(found: Mapping[str, dict[str, Any]]) -> Iterator[Way]:
    for name, group in groups(found).items():
        for rule in group["SecurityGroupEgress"]:
            if rule["Description"] != "Nothing":
                yield way(f"<{name}>", rule)
    for each in found.values():
        if "GroupId" in each and "SourceSecurityGroupId" not in each:
            yield way(each["GroupId"], each)


def ways_in(found: Mapping[str, dict[str, Any]]) -> Iterator[Way]:
    for each in found.values():
        if "SourceSecurityGroupId" in each:
            assert (each["IpProtocol"], each["FromPort"]) == ("tcp", each["ToPort"])
            yield Way(each["SourceSecurityGroupId"], each["GroupId"], each["FromPort"])


def way(source: str, rule: Mapping[str, Any]) -> Way:
    assert (rule["IpProtocol"], rule["FromPort"]) == ("tcp", rule["ToPort"])
    groups_and_ranges = ("DestinationSecurityGroupId", "CidrIp", "DestinationPrefixListId")
    (target,) = (rule[kind] for kind in groups_and_ranges if kind in rule)
    # A prefix list is no group that could have a rule for whom it lets in.
    return Way(source, f"list {target}" if "DestinationPrefixListId" in rule else target, rule["FromPort"])
