"""Routes with AWS_IAM: who signed a request, and whether IAM lets them call the method.

https://docs.aws.amazon.com/apigateway/latest/developerguide/permissions.html
"""

import logging
from collections.abc import Callable
from datetime import datetime

from scrutineer.local.gateway_event import Request, method_arn
from scrutineer.local.gateway_responses import Refused
from scrutineer.local.gateway_routes import Match
from scrutineer.local.iam_identities import IdentitiesUnavailable, Identity
from scrutineer.local.iam_policy import is_permitted
from scrutineer.local.policy import ACTION
from scrutineer.local.signature import signature_parts, verified_identity
from scrutineer.local.template_model import ACCOUNT, ApiSpec

log = logging.getLogger(__name__)


def permitted_signer(
    api: ApiSpec, match: Match, request: Request, find: Callable[[str], Identity | None], now: datetime
) -> Identity:
    """Blocks while the owner of the access key is looked up. Raises `Refused`."""
    try:
        signer = verified_identity(request, f"/{api.stage}{request.path}", find=find, now=now)
    except IdentitiesUnavailable as error:
        log.warning("%s: %s", match.route.path, error)
        raise Refused("AUTHORIZER_FAILURE") from error
    arn = method_arn(api, match, request)
    if not is_permitted(signer, arn):
        masked = arn.replace(ACCOUNT, f"********{ACCOUNT[-4:]}")
        raise Refused(
            "ACCESS_DENIED", message=f"User: {signer.arn} is not authorized to perform: {ACTION} on resource: {masked}"
        )
    return signer


def unknown_route(request: Request) -> Refused:
    """API Gateway takes the Authorization header of a request without a route for a signature, whatever it is."""
    if any(name.lower() == "authorization" for name, _ in request.headers):
        try:
            signature_parts(request)
        except Refused as refused:
            return refused
    return Refused("MISSING_AUTHENTICATION_TOKEN")
