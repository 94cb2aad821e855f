"""What CloudFormation would refuse is told beforehand, by the template's own words."""

import os
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from scrutineer.deployment.checks import parameters as checks
from scrutineer.deployment.findings import Verdict
from scrutineer.deployment.parameters import complaints, effective
from scrutineer.local.errors import TemplateInvalid
from scrutineer.local.parameter_order import NOT_MORE_THAN
from scrutineer.local.settings import ROOT
from scrutineer.local.template import load_template
from tests.unit.scrutineer.deployment.projects import IMAGE, only, project, subject, told

TOPIC = {"Topic": {"Type": "AWS::SNS::Topic"}}
TEMPLATE: dict[str, Any] = {
    "Parameters": {
        "Name": {"Type": "String"},
        "Kind": {"Type": "String", "Default": "a", "AllowedValues": ["a", "b"]},
        "Count": {"Type": "Number", "Default": 1, "MinValue": 1, "MaxValue": 15},
        "Image": {
            "Type": "String",
            "Default": "",
            "AllowedPattern": "^(.+@sha256:[0-9a-f]{64})?$",
            "ConstraintDescription": "must be by digest",
        },
        "Secret": {"Type": "String", "Default": "", "NoEcho": True, "AllowedPattern": "^[a-z]*$"},
    },
    "Rules": {
        "BNeedsImage": {
            "RuleCondition": {"Fn::Equals": [{"Ref": "Kind"}, "b"]},
            "Assertions": [
                {"Assert": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Image"}, ""]}]}, "AssertDescription": "b needs Image"}
            ],
        },
        "CountIsOdd": {
            "Assertions": [
                {"Assert": {"Fn::Contains": [["1", "3", "15"], {"Ref": "Count"}]}, "AssertDescription": "Count is odd"}
            ],
        },
    },
}


@pytest.mark.parametrize(
    ("given", "name", "words"),
    [
        ({}, "Name", "is missing, and has no default"),
        ({"Name": "n", "Nmae": "n"}, "Nmae", "no such parameter"),
        ({"Name": "n", "Kind": "c"}, "Kind", "'c' must be one of a, b"),
        ({"Name": "n", "Count": "2"}, "", "Count is odd"),
        ({"Name": "n", "Image": "repository:latest"}, "Image", "must be by digest"),
        ({"Name": "n", "Kind": "b"}, "", "b needs Image"),
        ({"Name": "n", "Secret": "HUNTER2"}, "Secret", "its value"),
    ],
)
def test_each_fault(given: dict[str, str], name: str, words: str) -> None:
    (complaint,) = complaints(TEMPLATE, given)
    assert complaint.name == name
    assert words in complaint.text
    assert "HUNTER2" not in complaint.text


@pytest.mark.parametrize(
    ("count", "words"), [("0", "must be from 1 to 15"), ("16", "must be from 1 to 15"), ("many", "must be a number")]
)
def test_bounds_of_numbers(count: str, words: str) -> None:
    declared = {"Parameters": {"Count": TEMPLATE["Parameters"]["Count"]}}
    (complaint,) = complaints(declared, {"Count": count})
    assert words in complaint.text


REPOSITORYS: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())
MODEL = {"ModelImage": IMAGE, "ModelArtifact": "s3://models/model.tar.gz", "ModelDigest": "0" * 64}
FEW_TASKS = {"FargateMinTasks": "2", "FargateMaxTasks": "1"}


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        (FEW_TASKS, ["FargateMinTasks (2) must not be more than FargateMaxTasks (1)"]),
        (FEW_TASKS | {"FargateMaxTasks": "2"}, []),
        (
            {"FargateMinTasks": "10", "FargateMaxTasks": "9"},
            ["FargateMinTasks (10) must not be more than FargateMaxTasks (9)"],
        ),
        ({"FargateMinTasks": "5"}, ["FargateMinTasks (5) must not be more than FargateMaxTasks (4)"]),
        ({"FargateMinTasks": "0", "FargateMaxTasks": "15"}, []),
        (
            {"FargateMaxTasks": "0"},
            ["'0' must be from 1 to 15", "FargateMinTasks (1) must not be more than FargateMaxTasks (0)"],
        ),
        ({"FargateMinTasks": "some"}, ["'some' must be a number"]),
        # A rule of the template says it already.
        (
            {"EndpointInstanceCount": "3", "EndpointInstanceLimit": "2"},
            ["EndpointInstanceCount must not be more than EndpointInstanceLimit"],
        ),
        ({"EndpointInstanceCount": "8", "EndpointInstanceLimit": "8"}, []),
    ],
)
def test_numbers_that_must_not_be_more_than_another(given: dict[str, str], lines: list[str]) -> None:
    assert [complaint.text for complaint in complaints(REPOSITORYS, MODEL | given)] == lines


def test_every_pair_is_one_of_the_templates_numbers() -> None:
    assert {REPOSITORYS["Parameters"][name]["Type"] for pair in NOT_MORE_THAN for name in pair} == {"Number"}


@pytest.mark.parametrize(("least", "most"), NOT_MORE_THAN)
def test_a_stack_of_ones_own_refuses_them_too(least: str, most: str) -> None:
    with pytest.raises(TemplateInvalid, match=rf"{least} \(3\) must not be more than {most} \(2\)"):
        load_template(ROOT / "template.yaml", queues_url="http://127.0.0.1:9", parameters={least: "3", most: "2"})


def test_a_rule_that_only_cloudformation_can_judge(tmp_path: Path) -> None:
    rules = {"Odd": {"Assertions": [{"Assert": {"Fn::EachMemberIn": [["a"], ["a"]]}}]}}
    folder = project(tmp_path, TOPIC, Rules=rules)
    finding = only(checks.parameters(subject(folder)))
    assert (finding.verdict, "can't be judged here" in finding.line) == (Verdict.WARN, True)


def test_nothing_to_complain_of() -> None:
    assert list(complaints(TEMPLATE, {"Name": "n", "Kind": "b", "Image": "x@sha256:" + "0" * 64})) == []
    assert effective(TEMPLATE, {"Name": "n"})["Count"] == "1"


def test_the_check_says_how_to_mend_it(tmp_path: Path) -> None:
    folder = project(tmp_path, TOPIC, declared=TEMPLATE["Parameters"], Rules=TEMPLATE["Rules"])
    finding = only(checks.parameters(subject(folder, parameters={"Name": "n", "Kind": "b"})))
    assert finding.verdict is Verdict.FAIL
    assert finding.line == "b needs Image"
    assert finding.mend is not None
    assert "sam deploy --guided --config-env dev" in finding.mend
    assert only(checks.parameters(subject(folder, parameters={"Name": "n"}))).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ServiceTimezone", "Asia/Calcuta", "there is no time zone 'Asia/Calcuta'"),
        ("VpcCidr", "10.300.0.0/16", "no private network"),
        ("VpcCidr", "10.40.0.0/8", "no private network"),
        ("CertificateArn", "arn:aws:acm:eu-west-1", "not a whole ARN"),
    ],
)
def test_values_that_no_pattern_tells(name: str, value: str, words: str, tmp_path: Path) -> None:
    folder = project(tmp_path, TOPIC, declared={name: {"Type": "String", "Default": ""}})
    assert words in only(checks.values(subject(folder, parameters={name: value}))).line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ServiceTimezone", "Asia/Kolkata"),
        ("VpcCidr", "10.40.0.0/20"),
        ("CertificateArn", "arn:aws:acm:us-east-1:123456789012:certificate/1"),
    ],
)
def test_values_that_are_well(name: str, value: str, tmp_path: Path) -> None:
    folder = project(tmp_path, TOPIC, declared={name: {"Type": "String", "Default": ""}})
    assert list(checks.values(subject(folder, parameters={name: value}))) == []


def test_an_image_of_another_region(tmp_path: Path) -> None:
    folder = project(tmp_path, TOPIC)
    finding = only(checks.one_region(subject(folder, parameters={"ModelImage": IMAGE}, region="ap-south-1")))
    assert (finding.verdict, finding.line) == (Verdict.FAIL, "ModelImage is in eu-west-1, the stack in ap-south-1")
    assert only(checks.one_region(subject(folder, parameters={"ModelImage": IMAGE}))).verdict is Verdict.OK
    assert only(checks.one_region(subject(folder, region=None))).verdict is Verdict.WARN


def test_a_template_that_is_not_built_or_built_before_it_was_changed(tmp_path: Path) -> None:
    folder = project(tmp_path, TOPIC)
    assert told(checks.template(subject(folder))) == [
        ("ok", "makes 1 resources in 1 stacks"),
        ("warn", "it is not built yet"),
    ]
    built = folder / ".aws-sam" / "build" / "template.yaml"
    built.parent.mkdir(parents=True)
    built.write_text("")
    source = folder / "template.yaml"
    os.utime(built, (source.stat().st_mtime + 60,) * 2)
    assert told(checks.template(subject(folder))) == [("ok", "makes 1 resources in 1 stacks")]
    os.utime(source, (built.stat().st_mtime + 60,) * 2)
    assert told(checks.template(subject(folder)))[1] == ("warn", "template.yaml is newer than what was built")
