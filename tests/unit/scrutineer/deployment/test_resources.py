"""The template's resources without an account: nested stacks, conditions, what only AWS can say."""

from pathlib import Path

from scrutineer.deployment.resources import expected_resources, of_type
from scrutineer.local.settings import ROOT
from tests.unit.scrutineer.deployment.projects import project

NESTED = {
    "Parameters": {"Subnets": {"Type": "CommaDelimitedList"}, "Small": {"Type": "String", "Default": "yes"}},
    "Conditions": {"IsSmall": {"Fn::Equals": [{"Ref": "Small"}, "yes"]}},
    "Resources": {
        "Endpoint": {
            "Type": "AWS::EC2::VPCEndpoint",
            "Properties": {
                "SubnetIds": {"Ref": "Subnets"},
                "VpcId": {"Fn::Cidr": ["10.0.0.0/8", 2, 8]},
                "PolicyDocument": {"Ref": "AWS::NoValue"},
            },
        },
        "Large": {"Type": "AWS::SNS::Topic", "Condition": "IsLarge"},
    },
}
NETWORK = {
    "Resources": {"First": {"Type": "AWS::EC2::Subnet"}, "Second": {"Type": "AWS::EC2::Subnet"}},
    "Outputs": {"Subnets": {"Value": {"Fn::Join": [",", [{"Ref": "First"}, {"Ref": "Second"}]]}}},
}


def test_nested_stacks_and_what_they_hand_on(tmp_path: Path) -> None:
    nested = {**NESTED, "Conditions": {"IsLarge": {"Fn::Equals": [{"Ref": "Small"}, "no"]}}}
    folder = project(
        tmp_path,
        {
            "Network": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "infrastructure/n.yaml"}},
            "Ways": {
                "Type": "AWS::CloudFormation::Stack",
                "Properties": {
                    "TemplateURL": "infrastructure/w.yaml",
                    "Parameters": {"Subnets": {"Fn::GetAtt": ["Network", "Outputs.Subnets"]}},
                },
            },
        },
        nested={"n.yaml": NETWORK, "w.yaml": nested},
    )
    found = {each.path: each for each in expected_resources(folder / "template.yaml", {})}
    assert list(found) == ["Network", "Network/First", "Network/Second", "Ways", "Ways/Endpoint"]
    assert found["Ways/Endpoint"].properties == {"SubnetIds": ["Network/First", "Network/Second"], "VpcId": None}


def test_the_repositorys_template() -> None:
    resources = expected_resources(ROOT / "template.yaml", {})
    assert [each.properties["DBInstanceClass"] for each in of_type(resources, "AWS::RDS::DBInstance")] == [
        "db.t4g.medium"
    ]
    ways = [
        each.properties
        for each in of_type(resources, "AWS::EC2::VPCEndpoint")
        if each.properties["VpcEndpointType"] == "Interface"
    ]
    assert ways
    assert all(len(each["SubnetIds"]) == 2 for each in ways)
    with_egress = expected_resources(ROOT / "template.yaml", {"EgressPath": "true"})
    assert len(of_type(with_egress, "AWS::EC2::NatGateway")) == 1
    assert of_type(resources, "AWS::EC2::NatGateway") == []
