"""Lambda authorizer (REQUEST type) of the REST API: an API key or a JWT in, a policy and a principal out."""

import os
from functools import cache, partial
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from authorizer.authorize import HOT_READ_GRACE_S, Authorizer
from authorizer.bearer_token import TokenCheck
from authorizer.credential import Refused, credential_of
from authorizer.policy import answer_for
from authorizer.settings import Settings
from authorizer.signing_keys import SigningKeys
from core import aws
from core.database import Database
from core.observability import logger, metrics
from core.principal_records import PrincipalRecords
from core.settings import DatabaseSettings

# One row by its index. Behind a proxy that waits for a database that is away, this function's own time must not run
# out: with it would go all that it remembers.
READ_TIMEOUT_S = 1.5


class Unauthorized(Exception):
    """API Gateway answers 401 for exactly this message and 500 for any other."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


@cache
def authorizer() -> Authorizer:
    settings = Settings.from_environment(os.environ)
    tokens = settings.tokens
    return Authorizer(
        PrincipalRecords(_database(settings.database)),
        TokenCheck(tokens, SigningKeys(tokens.jwks_url, tokens.algorithms)) if tokens else None,
        grace_s=HOT_READ_GRACE_S if settings.hot_reads else 0.0,
    )


def _database(settings: DatabaseSettings) -> Database:
    # Not by core.composition, which brings the queues and pydantic: a third of this function's cold start.
    token = partial(aws.database_token, settings.host, settings.port, settings.user)
    return Database(settings, token if settings.auth == "iam" else None, read_timeout_s=READ_TIMEOUT_S)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    try:
        principal = authorizer()(credential_of(event))
    except Refused as refused:
        metrics.add_metric(refused.metric, "Count", 1)
        request_id = event["requestContext"]["requestId"]
        logger.info("credential refused", extra={"reason": refused.reason, "request_id": request_id})
        # Without the cause: Lambda writes what was raised into the log.
        raise Unauthorized from None
    return answer_for(principal, event["methodArn"])
