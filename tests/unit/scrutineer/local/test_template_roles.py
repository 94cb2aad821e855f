"""The role of each function as it stands in a template, and what stops the stack before it starts."""

from pathlib import Path

import pytest
import yaml

from scrutineer.local.errors import TemplateInvalid, TemplateUnsupported
from scrutineer.local.role_permissions import Grant, RolePermissions
from scrutineer.local.roles import Roles
from scrutineer.local.template import load_template

SAMPLE = Path(__file__).resolve().parents[3] / "integration/local/sample"
QUEUE = "arn:aws:sqs:eu-west-1:000000000000:scrutineer-Q"
TRUST = {"Version": "2012-10-17", "Statement": []}
POLLS = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]


def role(*statements, **more):
    policies = [{"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": list(statements)}}]
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {"AssumeRolePolicyDocument": TRUST, "Policies": policies, **more},
    }


def allow(action, resource, **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def load(tmp_path, resources, *, properties=None, **document):
    function = {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "Handler": "echo.app.handler",
            "Runtime": "python3.11",
            "CodeUri": str(SAMPLE / "functions"),
            "Role": {"Fn::GetAtt": ["R", "Arn"]},
            **(properties or {}),
        },
    }
    path = tmp_path / "template.yaml"
    document = {"Transform": "AWS::Serverless-2016-10-31", "Resources": {"F": function, **resources}, **document}
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return load_template(path, queues_url="http://127.0.0.1:1")


def grants(template):
    return RolePermissions(template.functions["F"].statements).grants


def test_every_policy_of_a_role_counts(tmp_path):
    managed = {"PolicyDocument": {"Version": "2012-10-17", "Statement": allow("s3:PutObject", "arn:aws:s3:::b/*")}}
    template = load(
        tmp_path,
        {
            "R": role(allow("sqs:SendMessage", {"Fn::GetAtt": ["Q", "Arn"]}), ManagedPolicyArns=[{"Ref": "Attached"}]),
            "Attached": {"Type": "AWS::IAM::ManagedPolicy", "Properties": managed},
            "AttachesItself": {
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": {
                    "Roles": [{"Ref": "R"}],
                    "PolicyDocument": {"Version": "2012-10-17", "Statement": [allow("s3:GetObject", "*")]},
                },
            },
            "OfOthers": {"Type": "AWS::IAM::ManagedPolicy", "Properties": {**managed, "Roles": ["other"]}},
            "Q": {"Type": "AWS::SQS::Queue"},
        },
    )
    assert grants(template) == {
        Grant("sqs:SendMessage", QUEUE),
        Grant("s3:PutObject", "arn:aws:s3:::b/*"),
        Grant("s3:GetObject", "*"),
    }


def test_a_condition_of_the_template_decides_which_statement_there_is(tmp_path):
    chosen = {"Fn::If": ["No", allow("s3:GetObject", "*"), allow("s3:PutObject", "*")]}
    nothing = {"Fn::If": ["No", allow("s3:DeleteObject", "*"), {"Ref": "AWS::NoValue"}]}
    template = load(tmp_path, {"R": role(chosen, nothing)}, Conditions={"No": {"Fn::Equals": ["a", "b"]}})
    assert grants(template) == {Grant("s3:PutObject", "*")}


def test_what_has_no_name_on_this_machine_is_granted_to_nobody(tmp_path):
    statement = allow("sns:Publish", [{"Fn::GetAtt": ["Nested", "Outputs.TopicArn"]}, "arn:aws:sns:*:*:known"])
    nested = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "x.yaml"}}
    template = load(tmp_path, {"R": role(statement), "Nested": nested})
    assert grants(template) == {Grant("sns:Publish", "arn:aws:sns:*:*:known")}


@pytest.mark.parametrize(
    ("made", "properties", "named"),
    [
        (role(), {"Role": "arn:aws:iam::123456789012:role/elsewhere"}, "elsewhere"),
        (role(allow("s3:GetObject", "*", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})), {}, "IpAddress"),
        (role({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}), {}, "NotAction"),
        (role(PermissionsBoundary="arn:aws:iam::aws:policy/PowerUserAccess"), {}, "boundary"),
        (role(ManagedPolicyArns=["arn:aws:iam::aws:policy/AmazonS3FullAccess"]), {}, "AmazonS3FullAccess"),
    ],
)
def test_what_cannot_be_judged_stops_the_stack(tmp_path, made, properties, named):
    with pytest.raises(TemplateUnsupported, match=named):
        load(tmp_path, {"R": made}, properties=properties)


@pytest.mark.parametrize("missing", [*POLLS, "kms:Decrypt"])
def test_a_function_that_may_not_take_its_messages_stops_the_stack(tmp_path, missing):
    key = {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": TRUST}}
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"KmsMasterKeyId": {"Ref": "K"}}}
    source = {"Type": "SQS", "Properties": {"Queue": {"Fn::GetAtt": ["Q", "Arn"]}}}
    granted = [action for action in (*POLLS, "kms:Decrypt") if action != missing]
    template = load(
        tmp_path, {"R": role(allow(granted, "*")), "Q": queue, "K": key}, properties={"Events": {"Q": source}}
    )
    with pytest.raises(TemplateInvalid, match=f"not authorized to perform: {missing} "):
        Roles(template, tmp_path / "roles").check_event_sources()
    everything = load(
        tmp_path, {"R": role(allow("*", "*")), "Q": queue, "K": key}, properties={"Events": {"Q": source}}
    )
    Roles(everything, tmp_path / "roles").check_event_sources()
