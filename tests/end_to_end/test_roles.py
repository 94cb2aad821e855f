"""What all the other tests had the functions ask of AWS, held to the functions' roles. It runs last."""

import fnmatch

import pytest

from scrutineer.local.role_permissions import Grant
from scrutineer.local.stack import LocalStack
from tests.end_to_end.conftest import FOLDER

# Actions that no code here asks for, by who does in AWS.
BY_OTHERS = {
    "logs:CreateLogStream": "Lambda writes the logs",
    "logs:PutLogEvents": "Lambda writes the logs",
    "xray:PutTraceSegments": "the daemon beside each function sends traces",
    "xray:PutTelemetryRecords": "the daemon beside each function sends traces",
    "ec2:AssignPrivateIpAddresses": "Lambda joins the network",
    "ec2:CreateNetworkInterface": "Lambda joins the network",
    "ec2:DeleteNetworkInterface": "Lambda joins the network",
    "ec2:DescribeNetworkInterfaces": "Lambda joins the network",
    "ec2:DescribeSubnets": "Lambda joins the network",
    "ec2:UnassignPrivateIpAddresses": "Lambda joins the network",
    "rds-db:connect": "the database here takes a password, RDS Proxy a token",
}
# (function, action, resource), * for anything: why these tests need not come to it, and may.
NOT_COME_TO = {
    ("*", "sqs:ChangeMessageVisibility", "*"): "a message is put back where something was away for a moment",
    ("*", "kms:*", "*"): "one policy for the key, whether one opens or closes",
    ("AdminFunction", "apigateway:*", "*"): "what differs in API Gateway's records is a matter of the moment",
    ("AdminFunction", "sqs:*", "*"): "letters of every stage are listed and sent again in the same way",
    ("BatchesFunction", "s3:GetObject", "*"): "manifests come in the request here",
    ("FormatFunction", "sqs:SendMessage", "*"): "itself after a failure, and Notify of an end",
    ("ArchiveFunction", "*", "*"): "Format archives its own; what that missed is a matter of the moment",
    ("InvokeFunction", "s3:GetObject", "*/captures/*"): "what a worker that died had asked is there by chance alone",
    ("InvokeFunction", "s3:ListBucket", "*"): "the same, where it is not there",
    ("InvokeFunction", "sqs:SendMessage", "*"): "itself after a failure, and Notify of an end",
    ("PrecheckFunction", "sqs:SendMessage", "*"): "itself after a failure, and Notify of an end",
    ("ReconcileFunction", "apigateway:*", "*"): "what differs in API Gateway's records is a matter of the moment",
    ("RetentionFunction", "s3:DeleteObject", "*"): "no photo's time is over within a run",
    ("SpreadFunction", "s3:ListBucket", "*"): "nothing is missing that a batch looks for",
    ("SweeperFunction", "sqs:SendMessage", "*"): "it tells again what was lost, in whichever stage that was",
    ("WarmupFunction", "sagemaker:InvokeEndpoint", "*"): "it warms before opening, and here it is never closed",
}


def test_no_call_was_refused(stack: LocalStack) -> None:
    refused = {name: found for name in stack.functions if (found := stack.roles.refused(name))}
    assert refused == {}


def test_every_grant_was_used(stack: LocalStack, request: pytest.FixtureRequest) -> None:
    asked = {item.path for item in request.session.items}
    if not asked >= set(FOLDER.glob("test_*.py")) or request.config.option.keyword:
        pytest.skip("what is granted for nothing can be told after the whole suite only")
    unused = [
        (function, grant.action, grant.resource)
        for function in stack.functions
        for grant in sorted(stack.roles.granted(function) - stack.roles.used(function))
        if grant.action not in BY_OTHERS
    ]
    assert [one for one in unused if not any(_is(one, known) for known in NOT_COME_TO)] == []


def test_the_calls_were_seen(stack: LocalStack) -> None:
    """Else nothing above says anything."""
    used = stack.roles.used("InspectionsFunction")
    assert any(grant.action == "s3:PutObject" and grant.resource.endswith("/photos/*") for grant in used)
    assert Grant("sqs:SendMessage", stack.template.queues["PrecheckQueue"].arn) in used


def _is(one: tuple[str, str, str], known: tuple[str, str, str]) -> bool:
    return all(fnmatch.fnmatchcase(part, pattern) for part, pattern in zip(one, known, strict=True))
