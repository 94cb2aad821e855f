"""Lambda authorizer (REQUEST type) of the REST API: an API key in, a policy and a principal out."""

import os
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.data_classes.api_gateway_authorizer_event import (
    APIGatewayAuthorizerRequestEvent,
    APIGatewayAuthorizerResponse,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

from authorizer.authorize import Principal, authorize
from authorizer.settings import Settings
from core.composition import open_database
from core.database import Database
from core.observability import logger, metrics


class Unauthorized(Exception):
    """API Gateway answers 401 for exactly this message and 500 for any other."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


@cache
def database() -> Database:
    return open_database(Settings.from_environment(os.environ).database)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    request = APIGatewayAuthorizerRequestEvent(event)
    principal = authorize(database(), request.headers.get("x-api-key") or "")
    if principal is None:
        metrics.add_metric("KeyRefused", "Count", 1)
        raise Unauthorized
    return _allow(request, principal)


def _allow(request: APIGatewayAuthorizerRequestEvent, principal: Principal) -> dict[str, Any]:
    """The answer is cached for the key, whatever route it came by: so it covers all that the principal may call."""
    arn = request.parsed_arn
    response = APIGatewayAuthorizerResponse(
        principal_id=principal.client_id,
        region=arn.region,
        aws_account_id=arn.aws_account_id,
        api_id=arn.api_id,
        stage=arn.stage,
        context={
            "client_id": principal.client_id,
            "key_id": principal.key_id,
            "role": principal.role,
            "plan": principal.plan,
        },
        usage_identifier_key=principal.key_id,
        partition=arn.partition,
    )
    for method in ("GET", "POST"):
        for path in ("v1/inspections", "v1/inspections/*"):
            response.allow_route(method, path)
    return response.asdict()
