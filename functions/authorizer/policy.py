"""What API Gateway is told of a principal: exactly the routes that it may call, and whose usage to count.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from core.principal import Principal, to_context
from core.roles import ROUTES, Action, Route, routes_for

_PARAMETER = re.compile(r"\{\w+\}")


def answer_for(principal: Principal, method_arn: str) -> dict[str, Any]:
    """The authorizer's answer, at most 8 kB as API Gateway wants it. It holds for all routes, not only for the one
    that was asked for."""
    stage_arn = "/".join(method_arn.split("/", 2)[:2])
    allowed, denied = _patterns(principal.scopes)
    statements = [
        _statement(effect, stage_arn, patterns)
        for effect, patterns in (("Allow", allowed), ("Deny", denied))
        if patterns
    ]
    return {
        "principalId": principal.client_id,
        "policyDocument": {"Version": "2012-10-17", "Statement": statements},
        "context": to_context(principal),
        # API Gateway keeps one key a client, of this value: its throttle counts the client, whichever way it came in.
        "usageIdentifierKey": principal.client_id,
    }


def _statement(effect: str, stage_arn: str, patterns: Sequence[str]) -> dict[str, Any]:
    return {
        "Effect": effect,
        "Action": "execute-api:Invoke",
        "Resource": [f"{stage_arn}/{pattern}" for pattern in patterns],
    }


@cache
def _patterns(actions: frozenset[Action]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What to allow and what to deny, as METHOD/path. A star reaches over slashes, so `GET/v1/admin/clients/*` alone
    would open that client's keys as well: routes that a star would open by mistake are denied, which always wins."""
    allowed = routes_for(actions)
    if not allowed:
        return (), ("*",)
    opened = [
        route for route in ROUTES if route.action not in actions and any(_opens(other, route) for other in allowed)
    ]
    return tuple(map(_pattern, allowed)), tuple(map(_pattern, opened))


def _pattern(route: Route) -> str:
    return route.method + _PARAMETER.sub("*", route.path)


def _opens(allowed: Route, route: Route) -> bool:
    """Whether the pattern of `allowed` covers some path of `route`."""
    return allowed.method == route.method and _covers(allowed.path.split("/"), route.path.split("/"))


def _covers(pattern: list[str], path: list[str]) -> bool:
    if not pattern or not path:
        return not pattern and not path
    if _PARAMETER.fullmatch(pattern[0]):
        return any(_covers(pattern[1:], path[taken:]) for taken in range(1, len(path) + 1))
    return (pattern[0] == path[0] or _PARAMETER.fullmatch(path[0]) is not None) and _covers(pattern[1:], path[1:])
