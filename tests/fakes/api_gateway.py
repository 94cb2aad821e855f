"""What API Gateway and Lambda hand to a function."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.utilities.typing import LambdaContext

from core import front_door
from core.audit import Actor
from core.database import Database
from core.principal import Principal, scopes_of, to_context
from core.roles import Role


class FakeContext(LambdaContext):
    """A Lambda context with `remaining_ms` left."""

    def __init__(self, remaining_ms: int = 28_000) -> None:
        self._function_name = "test"
        self._memory_limit_in_mb = 512
        self._invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:test"
        self._aws_request_id = "00000000-0000-0000-0000-000000000000"
        self._remaining_ms = remaining_ms

    def get_remaining_time_in_millis(self) -> int:  # type: ignore[override]  # Powertools declares it static
        return self._remaining_ms


def someone(client_id: str = "client-a", role: Role = Role.ADMIN, actor: str = "key_x") -> Principal:
    """A principal with all that its role may do."""
    return Principal(client_id, actor, role, scopes_of(role), "standard")


def an_actor(client_id: str) -> Actor:
    """Somebody of the client who asks for a change."""
    return Actor(someone(client_id), "192.0.2.7", "request-1")


def rest_event(
    method: str,
    path: str,
    *,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    client_id: str = "client-a",
    principal: Principal | None = None,
) -> dict[str, Any]:
    """A REST API proxy event; `body` is sent as it is if it is text, as JSON otherwise."""
    sent = {"Content-Type": "application/json", **(headers or {})}
    parameters = dict(query) if query else None
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": parameters,
        "multiValueQueryStringParameters": {name: [value] for name, value in (parameters or {}).items()} or None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "stage": "dev",
            "httpMethod": method,
            "path": f"/dev{path}",
            "resourcePath": path,
            "requestId": "11111111-1111-1111-1111-111111111111",
            "authorizer": to_context(principal or someone(client_id)),
            "identity": {"sourceIp": "127.0.0.1"},
        },
        "body": body if body is None or isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
    }


def authorizer_event(headers: Mapping[str, str], path: str = "GET/v1/inspections") -> dict[str, Any]:
    """What a REQUEST authorizer is called with."""
    return {
        "type": "REQUEST",
        "methodArn": f"arn:aws:execute-api:eu-west-1:123456789012:api/dev/{path}",
        "resource": "/v1/inspections",
        "path": "/v1/inspections",
        "httpMethod": "GET",
        "headers": dict(headers),
        "queryStringParameters": {},
        "requestContext": {"requestId": "11111111-1111-1111-1111-111111111111", "stage": "dev", "apiId": "api"},
    }


def sqs_event(bodies: Sequence[str], received: int = 1) -> dict[str, Any]:
    """A batch; message ids and receipt handles are `m0`, `m1`, … and `r0`, `r1`, …"""
    return {
        "Records": [
            {
                "messageId": f"m{index}",
                "receiptHandle": f"r{index}",
                "body": body,
                "attributes": {
                    "ApproximateReceiveCount": str(received),
                    "MessageGroupId": "client-a",
                    "SentTimestamp": "1700000000000",
                    "SenderId": "sender",
                    "ApproximateFirstReceiveTimestamp": "1700000000000",
                },
                "messageAttributes": {},
                "md5OfBody": "",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:queue",
                "awsRegion": "eu-west-1",
            }
            for index, body in enumerate(bodies)
        ]
    }


def ask(
    app: APIGatewayRestResolver, event: dict[str, Any], database: Database, *, remaining_ms: int = 28_000
) -> "Answer":
    """The function's answer to an event, by way of the front door."""
    return read_answer(front_door.answer(app, event, FakeContext(), database))


@dataclass(frozen=True)
class Answer:
    """A function's proxy answer, read back."""

    status: int
    content_type: str
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def read_answer(answer: Mapping[str, Any]) -> Answer:
    """`answer` is what a resolver returns to API Gateway."""
    headers = {name: ",".join(values) for name, values in answer["multiValueHeaders"].items()}
    return Answer(answer["statusCode"], headers.get("Content-Type", ""), headers, answer["body"])
