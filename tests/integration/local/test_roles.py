"""Each function's calls are held to its own role, in its own process, as IAM holds them in AWS."""

import json

import pytest

from scrutineer.local.role_permissions import Grant
from scrutineer.local.roles import Refusal
from tests.integration.local.conftest import BUCKET

ARN = f"arn:aws:s3:::{BUCKET}"


def call(stack, service, operation, **arguments):
    result = stack.invoke(
        "EchoFunction", {"act": "call", "service": service, "operation": operation, "arguments": arguments}
    )
    assert result.function_error is None, result.payload
    return json.loads(result.payload)


def test_what_the_role_allows_is_done_and_noted(stack, s3):
    s3.put_object(Bucket=BUCKET, Key="echo/one", Body=b"1")
    assert call(stack, "s3", "get_object", Bucket=BUCKET, Key="echo/one") is None
    assert Grant("s3:Get*", f"{ARN}/echo/*") in stack.roles.used("EchoFunction")
    assert any(grant.action == "kms:Decrypt" for grant in stack.roles.used("EchoFunction"))


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "refusal", "code"),
    [
        (
            "s3",
            "put_object",
            {"Bucket": BUCKET, "Key": "echo/one"},
            ("s3:PutObject", f"{ARN}/echo/one"),
            "AccessDenied",
        ),
        ("s3", "get_object", {"Bucket": BUCKET, "Key": "two"}, ("s3:GetObject", f"{ARN}/two"), "AccessDenied"),
        (
            "s3",
            "get_object",
            {"Bucket": BUCKET, "Key": "echo/secret/1"},
            ("s3:GetObject", f"{ARN}/echo/secret/1"),
            "AccessDenied",
        ),
        (
            "dynamodb",
            "get_item",
            {"TableName": "t", "Key": {"id": {"S": "1"}}},
            ("dynamodb:GetItem", "arn:aws:dynamodb:eu-west-1:000000000000:table/t"),
            "AccessDeniedException",
        ),
        # Signing asks nobody, but whoever uses what was signed has the signer's rights.
        (
            "s3",
            "generate_presigned_post",
            {"Bucket": BUCKET, "Key": "echo/three"},
            ("s3:PutObject", f"{ARN}/echo/three"),
            "AccessDenied",
        ),
        (
            "s3",
            "generate_presigned_url",
            {"ClientMethod": "get_object", "Params": {"Bucket": BUCKET, "Key": "three"}},
            ("s3:GetObject", f"{ARN}/three"),
            "AccessDenied",
        ),
    ],
)
def test_what_no_statement_allows_is_refused_and_noted(stack, service, operation, arguments, refusal, code):
    assert call(stack, service, operation, **arguments) == [code, 403]
    assert Refusal(*refusal) in stack.roles.refused("EchoFunction")


def test_s3_tells_that_an_object_is_missing_only_to_who_may_list(stack):
    assert call(stack, "s3", "get_object", Bucket=BUCKET, Key="echo/nothing") == ["AccessDenied", 403]


def test_a_refusal_is_in_the_functions_log(stack):
    call(stack, "s3", "delete_object", Bucket=BUCKET, Key="echo/one")
    assert (
        f"is not authorized to perform: s3:DeleteObject on resource: {ARN}/echo/one"
        in (stack.logs / "EchoFunction.log").read_text()
    )


def test_messages_are_taken_in_the_functions_name(stack):
    taken = {grant.action for grant in stack.roles.used("StepFunction")}
    assert {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"} <= taken
