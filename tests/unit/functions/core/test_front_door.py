"""Who gets in, by which way, and what the answer says of their limits."""

from typing import Any

import pytest
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from core import front_door
from core.database import Row, Values
from core.errors import Conflict
from core.principal import Principal, from_context, scopes_of, to_context
from core.problem_responses import answer_with_problems
from core.roles import MAY, ROUTES, Action, Role, action_of, may_grant, routes_for
from core.usage import Limit
from tests.fakes.api_gateway import ask, rest_event, someone
from tests.fakes.database import FakeDatabase
from tests.fakes.usage import allowance

ARN = "arn:aws:iam::123456789012:role/parcels"
MEMBER: Row = {
    "actor": "member_x",
    "issuer": "iam",
    "subject": ARN,
    "client_id": "client-m",
    "role": "operator",
    "scopes": None,
    "plan": "standard",
}
PLAN: Row = {
    "plan": "standard",
    "tasks": '["inspect"]',
    "max_photos": 6,
    "default_wait_s": 20,
    "max_wait_s": 25,
    "rate_per_s": 10,
    "burst": 20,
    "quota_day": 100,
    "day_used": 40,
    "day_resets_in_s": 3600,
    "quota_month": None,
    "month_used": 40,
    "month_resets_in_s": 7200,
    "concurrent": 5,
    "running": 5,
}


class Records(FakeDatabase):
    """Knows one member and one plan."""

    def one(self, statement: str, values: Values = None) -> Row | None:
        self._use(statement, values)
        if "FROM members" in statement:
            known = isinstance(values, tuple) and tuple(values) == ("iam", ARN)
            return MEMBER if known else None
        return PLAN


@pytest.fixture
def app() -> APIGatewayRestResolver:
    """Tells each caller who they are."""
    app = APIGatewayRestResolver()
    answer_with_problems(app)

    @app.get("/v1/inspections")
    def who() -> Response[str]:
        principal = front_door.principal_of(app)
        return Response(200, "text/plain", f"{principal.client_id} {principal.actor} {principal.role}")

    @app.post("/v1/inspections")
    def refuse() -> Response[str]:
        raise Conflict("Not now.")

    @app.get("/v1/forgotten")
    def forgotten() -> Response[str]:
        raise AssertionError("a route that is not in the table")

    return app


def signed(arn: str | None, path: str = "/iam/v1/inspections") -> dict[str, Any]:
    """What API Gateway sends where it has verified an AWS signature itself."""
    event = rest_event("GET", path)
    del event["requestContext"]["authorizer"]
    event["requestContext"]["identity"] = {"sourceIp": "127.0.0.1", "userArn": arn}
    return event


def test_what_the_authorizer_said_is_the_principal(app: APIGatewayRestResolver) -> None:
    event = rest_event("GET", "/v1/inspections", principal=someone("client-a", Role.VIEWER, "key_1"))
    answer = ask(app, event, Records())
    assert (answer.status, answer.text) == (200, "client-a key_1 viewer")


@pytest.mark.parametrize("arn", [ARN, "arn:aws:sts::123456789012:assumed-role/parcels/i-0123"])
def test_an_aws_identity_is_looked_up(app: APIGatewayRestResolver, arn: str) -> None:
    answer = ask(app, signed(arn), Records())
    assert (answer.status, answer.text) == (200, "client-m member_x operator")


@pytest.mark.parametrize(
    "arn", [None, "", "arn:aws:iam::123456789012:role/other", "arn:aws:iam::999999999999:role/parcels"]
)
def test_an_unknown_aws_identity_is_refused(app: APIGatewayRestResolver, arn: str | None) -> None:
    answer = ask(app, signed(arn), Records())
    assert (answer.status, answer.json["code"]) == (403, "forbidden")
    assert "RateLimit" not in answer.headers


def test_role_that_may_not(app: APIGatewayRestResolver) -> None:
    event = rest_event("POST", "/v1/inspections", principal=someone(role=Role.VIEWER))
    answer = ask(app, event, Records())
    assert (answer.status, answer.json["code"]) == (403, "forbidden")
    assert "inspections:create" in answer.json["detail"]


def test_route_that_no_action_names_is_closed(app: APIGatewayRestResolver) -> None:
    answer = ask(app, rest_event("GET", "/v1/forgotten"), Records())
    assert (answer.status, answer.json["code"]) == (404, "unknown_route")


@pytest.mark.parametrize("body", ["[{}]", ' \n [{"a": 1}]', "[]"])
def test_an_array_is_no_body(app: APIGatewayRestResolver, body: str) -> None:
    answer = ask(app, {**rest_event("POST", "/v1/inspections"), "body": body}, Records())
    assert (answer.status, answer.json["code"], answer.json["field"]) == (400, "invalid_request", "body")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_answer_tells_what_is_left(app: APIGatewayRestResolver, method: str) -> None:
    answer = ask(app, rest_event(method, "/v1/inspections"), Records())
    assert answer.headers["RateLimit-Policy"] == (
        '"rate";q=10;w=1, "day";q=100;w=86400, "running";q=5;qu="concurrent-requests"'
    )
    assert answer.headers["RateLimit"] == '"day";r=60;t=3600, "running";r=0'


def test_the_answer_stands_where_limits_cannot_be_read(app: APIGatewayRestResolver) -> None:
    answer = ask(app, rest_event("GET", "/v1/inspections"), Records(away=True))
    assert answer.status == 200
    assert "RateLimit" not in answer.headers


def test_headers_without_any_hard_limit() -> None:
    assert front_door.rate_limit_headers(allowance(limits=())) == {"RateLimit-Policy": '"rate";q=10;w=1'}
    full = allowance(limits=(Limit("month", most=5, used=9, window_s=100, resets_in_s=7),))
    assert front_door.rate_limit_headers(full)["RateLimit"] == '"month";r=0;t=7'


@pytest.mark.parametrize("role", Role)
def test_principal_survives_the_authorizers_context(role: Role) -> None:
    whole = someone(role=role)
    narrowed = Principal("c", "key_n", role, scopes_of(role, ["inspections:read"]), "p")
    for principal in (whole, narrowed):
        context = to_context(principal)
        assert all(isinstance(value, str) for value in context.values())
        assert from_context({**context, "principalId": "c", "integrationLatency": 3}) == principal


def test_a_forged_context_gains_nothing_beyond_its_role() -> None:
    context = to_context(someone(role=Role.VIEWER)) | {"scopes": "inspections:create keys:manage nonsense"}
    assert from_context(context).scopes == frozenset()


def test_scopes_narrow_and_never_widen() -> None:
    assert scopes_of(Role.VIEWER, ["inspections:read", "keys:manage"]) == {Action.READ_INSPECTIONS}
    assert scopes_of(Role.VIEWER, []) == frozenset()


@pytest.mark.parametrize("role", Role)
def test_routes_are_those_of_the_roles_actions(role: Role) -> None:
    assert {route.action for route in routes_for(MAY[role])} <= MAY[role]
    assert {route for route in ROUTES if route.action in MAY[role]} == set(routes_for(MAY[role]))


@pytest.mark.parametrize(
    ("method", "path", "action"),
    [
        ("GET", "/v1/inspections", Action.READ_INSPECTIONS),
        ("GET", "/v1/inspections/insp_x", Action.READ_INSPECTIONS),
        ("DELETE", "/v1/inspections/insp_x", Action.ERASE_INSPECTIONS),
        ("DELETE", "/v1/inspections", None),
        ("GET", "/v1/inspections/insp_x/", None),
        ("GET", "/v1/inspections/a/b", None),
        ("GET", "/v1/inspections/\n", Action.READ_INSPECTIONS),
        ("get", "/v1/inspections", None),
        ("GET", "/v1/admin/clients/c/keys", Action.READ_KEYS),
        ("GET", "/v1/adminXclients", None),
    ],
)
def test_action_of_a_path(method: str, path: str, action: Action | None) -> None:
    assert action_of(method, path) is action


def test_only_admins_make_admins() -> None:
    for granter in Role:
        assert may_grant(granter, Role.ADMIN) == (granter is Role.ADMIN)
        assert may_grant(granter, Role.AUDITOR) == (granter is Role.ADMIN)
        assert may_grant(granter, Role.VIEWER) == (granter in (Role.ADMIN, Role.CLIENT_ADMIN))
