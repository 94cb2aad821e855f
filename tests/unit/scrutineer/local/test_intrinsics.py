"""CloudFormation's intrinsic functions."""

import pytest

from scrutineer.local.errors import TemplateInvalid, TemplateUnsupported
from scrutineer.local.intrinsics import Resolver


class Attributes:
    def ref(self, logical_id):
        return f"ref-{logical_id}"

    def get_att(self, logical_id, attribute):
        return f"{logical_id}!{attribute}"


DOCUMENT = {
    "Conditions": {
        "Yes": {"Fn::Equals": [{"Ref": "Kind"}, "a"]},
        "No": {"Fn::Not": [{"Condition": "Yes"}]},
        "Both": {"Fn::And": [{"Condition": "Yes"}, {"Condition": "No"}]},
        "Either": {"Fn::Or": [{"Condition": "Yes"}, {"Condition": "No"}]},
    },
    "Mappings": {"Sizes": {"a": {"small": 1}}},
    "Resources": {"Thing": {"Type": "X"}, "Absent": {"Type": "X", "Condition": "No"}},
}
RESOLVER = Resolver(DOCUMENT, {"Kind": "a"}, Attributes())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Kind"}, "a"),
        ({"Ref": "Thing"}, "ref-Thing"),
        ({"Ref": "AWS::Region"}, "eu-west-1"),
        ({"Fn::GetAtt": ["Thing", "Outputs.Name"]}, "Thing!Outputs.Name"),
        ({"Fn::GetAtt": "Thing.Outputs.Name"}, "Thing!Outputs.Name"),
        ({"Fn::Sub": "${Kind}-${Thing}-${Thing.Arn}-${!Literal}"}, "a-ref-Thing-Thing!Arn-${Literal}"),
        ({"Fn::Sub": ["${Own}/${Kind}", {"Own": {"Ref": "Kind"}}]}, "a/a"),
        ({"Fn::Join": ["-", ["x", {"Ref": "Kind"}, 1]]}, "x-a-1"),
        ({"Fn::If": ["Yes", {"Ref": "Kind"}, {"Ref": "Absent"}]}, "a"),
        ({"Fn::If": ["Both", 1, 2]}, 2),
        ({"Fn::If": ["Either", 1, 2]}, 1),
        ({"Fn::Select": ["1", {"Fn::Split": [",", "x,y"]}]}, "y"),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "Kind"}, "small"]}, 1),
        ({"keep": 1, "drop": {"Ref": "AWS::NoValue"}}, {"keep": 1}),
        ([1, {"Fn::If": ["No", 2, {"Ref": "AWS::NoValue"}]}], [1]),
        # A policy statement's Condition is no intrinsic.
        ({"Condition": {"StringEquals": {}}}, {"Condition": {"StringEquals": {}}}),
    ],
)
def test_resolve(value, expected):
    assert RESOLVER.resolve(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        {"Ref": "Nothing"},
        {"Fn::Sub": "${Nothing}"},
        {"Ref": "Absent"},
        {"Fn::If": ["Unknown", 1, 2]},
        {"Fn::FindInMap": ["Sizes", "b", "small"]},
    ],
)
def test_what_cloudformation_refuses(value):
    with pytest.raises(TemplateInvalid):
        RESOLVER.resolve(value)


def test_what_is_not_emulated_is_named():
    with pytest.raises(TemplateUnsupported, match="ImportValue"):
        RESOLVER.resolve({"Fn::ImportValue": "x"})
