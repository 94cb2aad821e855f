"""What API Gateway answers by itself, in the shape that the template gives it.

https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from scrutineer.local.errors import TemplateUnsupported
from scrutineer.local.template_model import GatewayResponseSpec

DEFAULT_TEMPLATE = '{"message":$context.error.messageString}'
VARIABLE = re.compile(r"\$context\.([A-Za-z0-9_.]*[A-Za-z0-9_])")
KNOWN_VARIABLES = {
    "error.message",
    "error.messageString",
    "error.responseType",
    "requestId",
    "extendedRequestId",
    "stage",
    "path",
    "resourcePath",
    "httpMethod",
    "apiId",
    "identity.sourceIp",
}


@dataclass(frozen=True)
class Kind:
    """A gateway response type with its default status, message and `x-amzn-ErrorType`."""

    status: int
    message: str
    error_type: str


KINDS: Mapping[str, Kind] = {
    "INVALID_SIGNATURE": Kind(403, "The request signature does not match", "InvalidSignatureException"),
    "EXPIRED_TOKEN": Kind(403, "The security token included in the request is expired", "ExpiredTokenException"),
    "MISSING_AUTHENTICATION_TOKEN": Kind(403, "Missing Authentication Token", "MissingAuthenticationTokenException"),
    "UNAUTHORIZED": Kind(401, "Unauthorized", "UnauthorizedException"),
    "ACCESS_DENIED": Kind(403, "User is not authorized to access this resource", "AccessDeniedException"),
    "AUTHORIZER_FAILURE": Kind(500, "", "AuthorizerFailureException"),
    "AUTHORIZER_CONFIGURATION_ERROR": Kind(500, "", "AuthorizerConfigurationException"),
    "INVALID_API_KEY": Kind(403, "Forbidden", "ForbiddenException"),
    "THROTTLED": Kind(429, "Too Many Requests", "TooManyRequestsException"),
    "QUOTA_EXCEEDED": Kind(429, "Limit Exceeded", "LimitExceededException"),
    "REQUEST_TOO_LARGE": Kind(413, "Request Too Long", "RequestTooLongException"),
    "INTEGRATION_TIMEOUT": Kind(504, "Endpoint request timed out", "InternalServerErrorException"),
    "API_CONFIGURATION_ERROR": Kind(500, "Internal server error", "InternalServerErrorException"),
    # A malformed proxy answer and a failed function are "DEFAULT_5XX" to API Gateway, with status 502.
    "DEFAULT_5XX": Kind(502, "Internal server error", "InternalServerErrorException"),
}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Refused(Exception):
    """The gateway answers by itself, with the gateway response of this kind; None is the kind's own text."""

    def __init__(self, kind: str, *, message: str | None = None, error_type: str | None = None) -> None:
        super().__init__(message or kind)
        self.kind = kind
        self.message = KINDS[kind].message if message is None else message
        self.error_type = error_type or KINDS[kind].error_type


class GatewayResponses:
    def __init__(self, specs: Mapping[str, GatewayResponseSpec]) -> None:
        self._specs = specs
        for name, spec in specs.items():
            _check(name, spec)

    def answer(self, refused: Refused, context: Mapping[str, str]) -> Answer:
        """`context` holds the request's values for `$context.…` by name."""
        message = refused.message
        status = KINDS[refused.kind].status
        spec = self._specs.get(refused.kind) or self._specs.get("DEFAULT_4XX" if status < 500 else "DEFAULT_5XX")
        values = {
            **context,
            "error.message": message,
            "error.messageString": json.dumps(message) if message else "null",
            "error.responseType": refused.kind,
        }
        headers = {
            "Content-Type": "application/json",
            "x-amzn-RequestId": context.get("requestId", ""),
            "x-amzn-ErrorType": refused.error_type,
        }
        template = DEFAULT_TEMPLATE
        if spec:
            template = next(iter(spec.templates.values()), DEFAULT_TEMPLATE)
            if spec.templates:
                headers["Content-Type"] = next(iter(spec.templates))
            for name, value in spec.headers.items():
                _replace(headers, name, _header_value(value, values))
            status = spec.status or status
        body = VARIABLE.sub(lambda match: values.get(match[1], ""), template)
        return Answer(status, tuple(headers.items()), body.encode())


def _replace(headers: dict[str, str], name: str, value: str) -> None:
    for known in [known for known in headers if known.lower() == name.lower()]:
        del headers[known]
    headers[name] = value


def _header_value(value: str, values: Mapping[str, str]) -> str:
    if value.startswith("'"):
        return value[1:-1]
    return values.get(value.removeprefix("context."), "")


def _check(name: str, spec: GatewayResponseSpec) -> None:
    where = f"gateway response {name}"
    for value in spec.headers.values():
        literal = len(value) >= 2 and value.startswith("'") and value.endswith("'")
        if not literal and value.removeprefix("context.") not in KNOWN_VARIABLES:
            raise TemplateUnsupported(where, f"the header value {value}")
    for template in spec.templates.values():
        if re.search(r"#(set|if|foreach|end|else)\b|\$(input|util|stageVariables)\b", template):
            raise TemplateUnsupported(where, "a mapping template with logic")
        for match in VARIABLE.finditer(template):
            if match[1] not in KNOWN_VARIABLES:
                raise TemplateUnsupported(where, match[0])
