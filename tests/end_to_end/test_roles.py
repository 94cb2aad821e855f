"""What all the other tests had the functions ask of AWS, held to the functions' roles. It runs last."""

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
# (function, action, end of the resource): why these tests do not come to it.
NOT_COME_TO: dict[tuple[str, str, str], str] = {}


def test_no_call_was_refused(stack: LocalStack) -> None:
    refused = {name: found for name in stack.functions if (found := stack.roles.refused(name))}
    assert refused == {}


def test_every_grant_was_used(stack: LocalStack, request: pytest.FixtureRequest) -> None:
    asked = {item.path for item in request.session.items}
    if not asked >= set(FOLDER.glob("test_*.py")) or request.config.option.keyword:
        pytest.skip("what is granted for nothing can be told after the whole suite only")
    unused = {
        (function, grant.action, grant.resource.removeprefix("arn:aws:"))
        for function in stack.functions
        for grant in stack.roles.granted(function) - stack.roles.used(function)
        if grant.action not in BY_OTHERS
    }
    explained = {one for one in unused if any(_is(one, known) for known in NOT_COME_TO)}
    assert sorted(unused - explained) == []
    assert [known for known in NOT_COME_TO if not any(_is(one, known) for one in unused)] == [], "used after all"


def test_the_calls_were_seen(stack: LocalStack) -> None:
    """Else nothing above says anything."""
    used = stack.roles.used("InspectionsFunction")
    assert any(grant.action == "s3:PutObject" and grant.resource.endswith("/photos/*") for grant in used)
    assert Grant("sqs:SendMessage", stack.template.queues["PrecheckQueue"].arn) in used


def _is(unused: tuple[str, str, str], known: tuple[str, str, str]) -> bool:
    return unused[:2] == known[:2] and unused[2].endswith(known[2])
