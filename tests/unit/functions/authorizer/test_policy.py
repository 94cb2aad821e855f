"""The policy opens exactly the routes of the role × action table, on every route and however it is cached."""

import itertools
import json
from typing import Any

import pytest

from authorizer.policy import answer_for
from core.principal import Principal, from_context, scopes_of
from core.roles import ROUTES, Action, Role, Route
from scrutineer.local.policy import is_allowed

STAGE = "arn:aws:execute-api:eu-west-1:123456789012:api/dev"
LIMIT_BYTES = 8 * 1024  # https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
SEGMENTS = ("client_0123", "keys", "photos", "usage", "rotate", "x")
MANY_ACTIONS = [
    *[frozenset({action}) for action in Action],
    *[frozenset(pair) for pair in itertools.combinations(Action, 2)],
    *[frozenset(Action) - {action} for action in Action],
    frozenset(),
]


def somebody(role: Role, scopes: frozenset[Action] | None = None) -> Principal:
    return Principal("client_0123", "key_0123", role, scopes_of(role) if scopes is None else scopes, "standard")


def answer(principal: Principal, asked_for: str = "GET/v1/me") -> dict[str, Any]:
    return answer_for(principal, f"{STAGE}/{asked_for}")


def opens(found: dict[str, Any], method: str, path: str) -> bool:
    return is_allowed(found["policyDocument"], f"{STAGE}/{method}{path}")


def paths_of(route: Route) -> list[str]:
    """The route with each of some values in place of its parameters, among them the names of other routes' parts."""
    count = route.path.count("{")
    return [
        "".join(part for pair in itertools.zip_longest(_fixed(route.path), values, fillvalue="") for part in pair)
        for values in itertools.product(SEGMENTS, repeat=count)
    ]


def _fixed(path: str) -> list[str]:
    return [piece.rpartition("}")[2] for piece in path.split("{")]


def test_paths_are_made_as_they_should() -> None:
    assert paths_of(Route("GET", "/v1/me", Action.READ_USAGE)) == ["/v1/me"]
    paths = paths_of(Route("GET", "/v1/clients/{client_id}/keys/{key_id}", Action.READ_KEYS))
    assert "/v1/clients/client_0123/keys/x" in paths
    assert len(paths) == len(SEGMENTS) ** 2


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_role_on_every_route(role: Role, route: Route) -> None:
    found = answer(somebody(role))
    for path in paths_of(route):
        assert opens(found, route.method, path) == (route.action in scopes_of(role)), path


@pytest.mark.parametrize("scopes", MANY_ACTIONS, ids=lambda scopes: f"{len(scopes)} {','.join(sorted(scopes))}"[:60])
def test_every_narrowing_opens_its_own_routes_and_no_other(scopes: frozenset[Action]) -> None:
    """A star reaches over slashes; what it would open beyond its own route stays shut."""
    found = answer(somebody(Role.ADMIN, scopes))
    for route in ROUTES:
        for path in paths_of(route):
            assert opens(found, route.method, path) == (route.action in scopes), f"{route.method} {path}"


@pytest.mark.parametrize("role", list(Role))
def test_what_no_route_is_stays_shut(role: Role) -> None:
    found = answer(somebody(role))
    for method, path in [
        ("DELETE", "/v1/inspections"),
        ("PUT", "/v1/inspections/insp_1"),
        ("OPTIONS", "/v1/inspections"),
        ("GET", "/v1"),
        ("GET", "/v1/admin"),
        ("GET", "/iam/v1/inspections"),
        ("POST", "/iam/v1/inspections"),
        ("GET", "/v2/inspections"),
        ("get", "/v1/me"),
    ]:
        assert not opens(found, method, path), f"{method} {path}"


def test_another_stage_or_api_is_not_opened() -> None:
    found = answer(somebody(Role.ADMIN))
    for other in (
        STAGE.replace("/dev", "/prod"),
        STAGE.replace(":api/", ":api2/"),
        STAGE.replace("eu-west", "us-west"),
    ):
        assert not is_allowed(found["policyDocument"], f"{other}/GET/v1/me")


def test_the_answer_is_the_same_whatever_was_asked_for() -> None:
    """So one that was kept is as good, and as narrow, on any other route."""
    viewer = somebody(Role.VIEWER)
    answers = [
        answer(viewer, asked)
        for asked in ("GET/v1/inspections", "POST/v1/inspections", "DELETE/v1/admin/clients/x/keys/y", "GET/")
    ]
    assert all(each == answers[0] for each in answers)


def test_a_kept_allow_does_not_open_another_route() -> None:
    kept = answer(somebody(Role.VIEWER), "GET/v1/inspections")
    assert opens(kept, "GET", "/v1/inspections")
    assert not opens(kept, "POST", "/v1/inspections")
    assert not opens(kept, "POST", "/v1/admin/clients/x/keys")


def test_who_may_nothing_gets_a_policy_that_says_so() -> None:
    found = answer(somebody(Role.VIEWER, frozenset()))
    assert found["policyDocument"]["Statement"] == [
        {"Effect": "Deny", "Action": "execute-api:Invoke", "Resource": [f"{STAGE}/*"]}
    ]


@pytest.mark.parametrize("role", list(Role))
def test_stages_get_the_principal_back(role: Role) -> None:
    principal = somebody(role)
    found = answer(principal)
    assert from_context(found["context"]) == principal
    assert all(isinstance(value, str) for value in found["context"].values())
    assert found["principalId"] == found["usageIdentifierKey"] == principal.client_id


@pytest.mark.parametrize("scopes", MANY_ACTIONS, ids=lambda scopes: f"{len(scopes)} {','.join(sorted(scopes))}"[:60])
def test_the_largest_answer_is_within_api_gateways_limit(scopes: frozenset[Action]) -> None:
    longest = "arn:aws-us-gov:execute-api:ap-northeast-1:123456789012:abcdefghij/" + "s" * 16
    principal = Principal("c" * 40, "k" * 40, Role.CLIENT_ADMIN, scopes, "p" * 40)
    found = answer_for(principal, f"{longest}/GET/v1/me")
    assert len(json.dumps(found)) < LIMIT_BYTES
    assert max(len(pattern) for each in found["policyDocument"]["Statement"] for pattern in each["Resource"]) < 512
