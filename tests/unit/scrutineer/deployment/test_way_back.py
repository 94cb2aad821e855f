"""After a deploy that failed: what each state of the stack means, and which resource failed first."""

from typing import Any

import pytest

from scrutineer.deployment.way_back import way_back
from tests.fakes.aws_account import FakeAccount, refused

STACK = "arn:aws:cloudformation:eu-west-1:123456789012:stack/scrutineer-dev/1"
DATABASE = "arn:aws:cloudformation:eu-west-1:123456789012:stack/scrutineer-dev-Database/2"
NESTED = "AWS::CloudFormation::Stack"


def event(stack: str, logical_id: str, kind: str, physical_id: str, status: str, reason: str = "") -> dict[str, Any]:
    return {
        "StackId": stack,
        "EventId": f"{logical_id}-{status}",
        "LogicalResourceId": logical_id,
        "ResourceType": kind,
        "PhysicalResourceId": physical_id,
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
    }


# The newest first, as CloudFormation tells them.
EVENTS = {
    STACK: [
        event(STACK, "scrutineer-dev", NESTED, STACK, "UPDATE_ROLLBACK_COMPLETE"),
        event(STACK, "Queue", "AWS::SQS::Queue", "q", "UPDATE_FAILED", "Resource update cancelled"),
        event(STACK, "Database", NESTED, DATABASE, "UPDATE_FAILED", "Embedded stack was not successfully updated"),
        event(STACK, "scrutineer-dev", NESTED, STACK, "UPDATE_IN_PROGRESS", "User Initiated"),
        event(STACK, "Bucket", "AWS::S3::Bucket", "b", "CREATE_FAILED", "of an earlier deploy"),
    ],
    DATABASE: [
        event(DATABASE, "Instance", "AWS::RDS::DBInstance", "i", "UPDATE_FAILED", "No such class"),
        event(DATABASE, "scrutineer-dev-Database", NESTED, DATABASE, "UPDATE_IN_PROGRESS"),
    ],
}


def account(status: str, events: dict[str, list[dict[str, Any]]] = EVENTS) -> FakeAccount:
    return FakeAccount(
        {
            "cloudformation.describe_stacks": {
                "Stacks": [{"StackName": "scrutineer-dev", "StackId": STACK, "StackStatus": status}]
            },
            "cloudformation.describe_stack_events": lambda asked: {"StackEvents": events[asked["StackName"]]},
        }
    )


@pytest.mark.parametrize(
    ("status", "state", "do"),
    [
        ("UPDATE_ROLLBACK_COMPLETE", "again as it was", None),
        ("UPDATE_ROLLBACK_FAILED", "stuck", "aws cloudformation continue-update-rollback --stack-name scrutineer-dev"),
        ("ROLLBACK_COMPLETE", "only be deleted", "sam delete --config-env dev --stack-name scrutineer-dev"),
        ("REVIEW_IN_PROGRESS", "Nothing was made", "aws cloudformation delete-stack --stack-name scrutineer-dev"),
        (
            "UPDATE_ROLLBACK_IN_PROGRESS",
            "still changes",
            "aws cloudformation describe-stack-events --stack-name scrutineer-dev",
        ),
        ("UPDATE_COMPLETE", "was not changed", None),
    ],
)
def test_states(status: str, state: str, do: str | None) -> None:
    found = way_back(account(status), "scrutineer-dev", "dev")
    assert state in found.state
    assert found.do == do


def test_the_cause_is_the_first_failure_of_the_last_change_in_the_stack_where_it_was() -> None:
    found = way_back(account("UPDATE_ROLLBACK_COMPLETE"), "scrutineer-dev", "dev")
    assert found.cause == "Database/Instance (AWS::RDS::DBInstance): No such class"


def test_a_nested_stack_that_was_never_made_is_the_cause_itself() -> None:
    first = event(STACK, "Database", NESTED, "", "CREATE_FAILED", "TemplateURL must be in S3")
    start = event(STACK, "scrutineer-dev", NESTED, STACK, "CREATE_IN_PROGRESS")
    found = way_back(account("ROLLBACK_COMPLETE", {STACK: [first, start]}), "scrutineer-dev", "dev")
    assert found.cause == f"Database ({NESTED}): TemplateURL must be in S3"


def test_without_a_stack_nothing_was_made() -> None:
    gone = FakeAccount({"cloudformation.describe_stacks": refused("ValidationError", "Stack with id x does not exist")})
    assert "nothing was made" in way_back(gone, "scrutineer-dev", "dev").state
