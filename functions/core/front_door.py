"""The outermost step of every function with routes: who asks, may they, and what is left of their plan.

An API key or a JWT was judged by the authorizer, which says in the event whom it stands for. Below `/iam` API Gateway
itself has verified an AWS signature; the ARN that it names is looked up here. From then on both are a `Principal`.
"""

import json
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.event_handler.router import APIGatewayRouter
from aws_lambda_powertools.utilities.typing import LambdaContext

from core.database import Database
from core.errors import PROBLEM_JSON, Forbidden, InvalidRequest, ScrutineerError, UnknownRoute, problem, problem_headers
from core.observability import logger
from core.principal import Principal, from_context
from core.principal_records import PrincipalRecords
from core.refusals import note_problem
from core.roles import action_of
from core.usage import Allowance, UsageRecords

IAM_PREFIX = "/iam"
SERVED_FROM = "X-Served-From"  # an answer that is not from the database names what it is from


def answer(
    app: APIGatewayRestResolver, event: dict[str, Any], context: LambdaContext, database: Database
) -> dict[str, Any]:
    """The proxy answer of `app` to a principal that may have it, or the problem that stands against it."""
    path = event["path"].removeprefix(IAM_PREFIX)
    principal = None
    try:
        principal = _principal(event, database)
        _check(principal, event["httpMethod"], path)
        _check_body(event["body"])
        app.context["principal"] = principal
        found: dict[str, Any] = app.resolve({**event, "path": path}, context)
    except ScrutineerError as error:
        found = _refused(error)
    # An answer from the archive means that the database is away: it would take seconds to learn it again.
    if principal is not None and SERVED_FROM not in found["multiValueHeaders"]:
        found["multiValueHeaders"].update(_rate_limit_headers(database, principal))
    return found


def principal_of(app: APIGatewayRestResolver | APIGatewayRouter) -> Principal:
    """Whoever `answer` let in, for the routes of `app`."""
    principal: Principal = app.context["principal"]
    return principal


def rate_limit_headers(allowance: Allowance) -> dict[str, str]:
    """`RateLimit-Policy` and `RateLimit` as draft-ietf-httpapi-ratelimit-headers-10 has them."""
    policies, left = [f'"rate";q={allowance.rate_per_s};w=1'], []
    for limit in allowance.limits:
        over = ';qu="concurrent-requests"' if limit.window_s is None else f";w={limit.window_s}"
        policies.append(f'"{limit.name}";q={limit.most}{over}')
        resets = "" if limit.resets_in_s is None else f";t={limit.resets_in_s}"
        left.append(f'"{limit.name}";r={limit.left}{resets}')
    headers = {"RateLimit-Policy": ", ".join(policies)}
    return {**headers, "RateLimit": ", ".join(left)} if left else headers


def _principal(event: Mapping[str, Any], database: Database) -> Principal:
    request_context = event["requestContext"]
    authorized = request_context.get("authorizer")
    if authorized:
        principal = from_context(authorized)
    else:
        # Only routes below /iam come without an authorizer, and those only with a verified signature.
        arn = request_context["identity"].get("userArn") or ""
        found = PrincipalRecords(database).by_arn(arn) if arn else None
        if found is None:
            raise Forbidden("This AWS identity is no member of a client.")
        principal = found
    logger.append_keys(client_id=principal.client_id, actor=principal.actor)
    return principal


def _check(principal: Principal, method: str, path: str) -> None:
    action = action_of(method, path)
    if action is None:
        raise UnknownRoute("There is no such route.")
    if not principal.may(action):
        raise Forbidden(f"The role {principal.role} may not do this ({action}).")


def _check_body(body: str | None) -> None:
    # Powertools takes an array of one for that one.
    if body is not None and body.lstrip()[:1] == "[":
        raise InvalidRequest("The body must be a JSON object, not an array.", field="body")


def _refused(error: ScrutineerError) -> dict[str, Any]:
    note_problem(error)
    headers = {"Content-Type": PROBLEM_JSON, **problem_headers(error)}
    return {
        "statusCode": error.status,
        "body": json.dumps(problem(error)),
        "isBase64Encoded": False,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
    }


def _rate_limit_headers(database: Database, principal: Principal) -> dict[str, list[str]]:
    try:
        allowance = UsageRecords(database).allowance(principal.client_id)
    except ScrutineerError:  # the answer matters more than what is left
        return {}
    return {name: [value] for name, value in rate_limit_headers(allowance).items()}
