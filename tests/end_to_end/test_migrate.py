"""The migrate function on the whole stack: CloudFormation's events, the first admin, and what its user can't do."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pymysql
import pytest

from scrutineer.local.stack import LocalStack
from tests.fakes.http_endpoint import HttpEndpoint, serving

MIGRATE = "MigrateFunction"


@pytest.fixture
def bucket() -> Iterator[HttpEndpoint]:
    """Where CloudFormation waits for its answers."""
    with serving() as running:
        yield running


@pytest.mark.parametrize("kind", ["Create", "Update", "Delete"])
def test_a_deployment_is_answered(kind: str, stack: LocalStack, bucket: HttpEndpoint) -> None:
    event = {
        "RequestType": kind,
        "ResponseURL": f"{bucket.url}/answer",
        "StackId": "arn:aws:cloudformation:eu-west-1:000000000000:stack/scrutineer/x",
        "RequestId": "r",
        "LogicalResourceId": "Migration",
        "PhysicalResourceId": "migrations",
        "ResourceProperties": {"Schema": "arn:aws:lambda:eu-west-1:000000000000:layer:scrutineer-schema:1"},
    }
    result = stack.invoke(MIGRATE, event)
    assert (result.function_error, json.loads(result.payload)) == (None, {})
    ((_, _, body),) = bucket.requests
    answer = json.loads(body)
    assert (answer["Status"], answer["Reason"]) == ("SUCCESS", "")
    assert answer["Data"] == ({} if kind == "Delete" else {"User": "scrutineer_app"})


def test_the_first_admin_gets_in_and_the_key_is_in_no_log(
    stack: LocalStack, anybody: httpx.Client, key: str, stored: Callable[..., list[tuple[Any, ...]]]
) -> None:
    made = json.loads(stack.invoke(MIGRATE, {"bootstrap": {"client": "Second office", "force": True}}).payload)
    assert json.loads(stack.invoke("ReconcileFunction", {}).payload)["left"] == 0
    me = anybody.get("/v1/me", headers={"x-api-key": made["key"]})
    assert (me.status_code, me.json()["role"]) == (200, "admin")
    lines = stored("SELECT actor, action FROM audit_log WHERE client_id = %s ORDER BY sequence", (made["client_id"],))
    assert lines == [("bootstrap", "clients:create"), ("bootstrap", "keys:create")]
    logs = "".join(path.read_text() for path in stack.logs.glob("*.log"))
    assert MIGRATE in "".join(path.name for path in stack.logs.glob("*.log"))
    assert made["key"] not in logs


def test_a_second_admin_is_refused_in_words(stack: LocalStack, key: str) -> None:
    answer = json.loads(stack.invoke(MIGRATE, {"bootstrap": {"client": "Third office"}}).payload)
    assert answer["problem"]["code"] == "conflict"
    assert "an admin already" in answer["problem"]["detail"]


@pytest.mark.parametrize("event", [{}, {"migrate": {"to": "0002"}}, {"bootstrap": {}, "migrate": {}}, {"drop": {}}])
def test_anything_else_is_refused(event: dict[str, Any], stack: LocalStack) -> None:
    result = stack.invoke(MIGRATE, event)
    assert result.function_error is None
    assert json.loads(result.payload)["problem"]["code"] == "invalid_request"


def test_the_functions_are_signed_in_as_the_user_with_few_rights(stack: LocalStack, client: httpx.Client) -> None:
    assert client.get("/v1/me").status_code == 200
    at = stack.database
    root = pymysql.connect(host=at.host, port=at.port, user="root")
    with root, root.cursor() as cursor:
        cursor.execute("SELECT DISTINCT user FROM information_schema.processlist WHERE user <> 'root'")
        assert cursor.fetchall() == (("scrutineer_app",),)
