"""Between HTTP and a function: the proxy event, version 1.0, and the function's answer.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

import base64
import json
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from scrutineer.local.gateway_headers import passed_on
from scrutineer.local.gateway_responses import Answer
from scrutineer.local.gateway_routes import PARAMETER, Match
from scrutineer.local.iam_identities import Identity
from scrutineer.local.template_model import ACCOUNT, REGION, ApiSpec


class MalformedAnswer(ValueError):
    """The function's answer is not what a proxy integration takes: status 502."""


@dataclass(frozen=True)
class Request:
    """`path` as sent, without the stage; `headers` with their names as sent."""

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    source_ip: str
    protocol: str
    request_id: str


def new_request_id() -> str:
    return str(uuid.uuid4())


def proxy_event(
    api: ApiSpec, match: Match, request: Request, authorizer: Mapping[str, str], signer: Identity | None = None
) -> dict[str, Any]:
    """The event of the route's function. `signer` is who signed the request, where the route asks for that."""
    body, encoded = _body(request, api.binary_media_types)
    event = _common(api, match, request)
    if signer:
        event["requestContext"]["identity"].update(
            accessKey=signer.access_key_id,
            accountId=ACCOUNT,
            caller=signer.user_id,
            user=signer.user_id,
            userArn=signer.arn,
        )
    if authorizer:
        event["requestContext"]["authorizer"] = {**authorizer, "integrationLatency": 0}
    return {**event, "body": body, "isBase64Encoded": encoded}


def authorizer_event(api: ApiSpec, match: Match, request: Request) -> dict[str, Any]:
    """The event of a REQUEST authorizer: the same without the body."""
    return {"type": "REQUEST", "methodArn": method_arn(api, match, request), **_common(api, match, request)}


def method_arn(api: ApiSpec, match: Match, request: Request) -> str:
    """The route's fixed parts as the template writes them, so that no spelling of a path evades a policy."""
    sent = request.path.strip("/").split("/")
    parts = []
    for index, part in enumerate(match.route.path.strip("/").split("/")):
        parameter = PARAMETER.match(part)
        greedy = parameter and parameter[2]
        parts += sent[index:] if greedy else sent[index : index + 1] if parameter else [part]
    return f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api.api_id}/{api.stage}/{request.method}/{'/'.join(parts)}"


def answer_from(payload: bytes, request: Request) -> Answer:
    """Raises `MalformedAnswer`."""
    try:
        answer = json.loads(payload)
        if not isinstance(answer, dict):
            raise MalformedAnswer("no object")
        unknown = set(answer) - {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded", "cookies"}
        # API Gateway refuses an answer with members that it does not know.
        if unknown or "statusCode" not in answer:
            raise MalformedAnswer(f"unknown members {sorted(unknown)} or no statusCode")
        status = int(answer["statusCode"])
        body = answer.get("body")
        if body is not None and not isinstance(body, str):
            raise MalformedAnswer("body is no text")
        content = base64.b64decode(body or "") if answer.get("isBase64Encoded") else (body or "").encode()
        headers = list(_answer_headers(answer.get("headers") or {}, answer.get("multiValueHeaders") or {}))
    except (ValueError, TypeError, AttributeError) as error:
        raise MalformedAnswer(str(error)) from error
    if not 100 <= status <= 599:
        raise MalformedAnswer(f"statusCode {status}")
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/json"))
    headers.append(("x-amzn-RequestId", request.request_id))
    return Answer(status, tuple(headers), content)


def _answer_headers(single: Mapping[str, Any], many: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for name, values in many.items():
        for value in values:
            yield name, _text(value)
    repeated = {name.lower() for name in many}
    for name, value in single.items():
        # Content-Length is computed anew; a name in both comes from multiValueHeaders.
        if name.lower() not in repeated and name.lower() != "content-length":
            yield name, _text(value)


def _common(api: ApiSpec, match: Match, request: Request) -> dict[str, Any]:
    headers = passed_on(request.headers, source_ip=request.source_ip, signed=match.route.signed)
    query = parse_qsl(request.query, keep_blank_values=True)
    now = time.time()
    host = next((values[-1] for name, values in headers.items() if name.lower() == "host"), "")
    return {
        "resource": match.route.path,
        "path": request.path,
        "httpMethod": request.method,
        # The last value wins in the single-valued forms.
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": _many(query) or None,
        "pathParameters": dict(match.parameters) or None,
        "stageVariables": dict(api.stage_variables) or None,
        "requestContext": {
            "resourceId": match.route.path,
            "resourcePath": match.route.path,
            "httpMethod": request.method,
            "extendedRequestId": request.request_id,
            "requestTime": datetime.fromtimestamp(now, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "requestTimeEpoch": int(now * 1000),
            "path": f"/{api.stage}{request.path}",
            "accountId": ACCOUNT,
            "protocol": request.protocol,
            "stage": api.stage,
            "domainPrefix": api.api_id,
            "domainName": host,
            "requestId": request.request_id,
            "apiId": api.api_id,
            "identity": _identity(request),
        },
    }


def _identity(request: Request) -> dict[str, Any]:
    names = (
        "accessKey accountId caller cognitoAuthenticationProvider cognitoAuthenticationType cognitoIdentityId"
        " cognitoIdentityPoolId principalOrgId user userArn"
    )
    user_agent = next((value for name, value in request.headers if name.lower() == "user-agent"), None)
    return {**dict.fromkeys(names.split()), "sourceIp": request.source_ip, "userAgent": user_agent}


def _many(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


def _body(request: Request, binary_media_types: Sequence[str]) -> tuple[str | None, bool]:
    """A body of a binary media type goes as base64, any other as text."""
    if not request.body:
        return None, False
    content_type = next((value for name, value in request.headers if name.lower() == "content-type"), "")
    if _is_binary(content_type.split(";")[0].strip().lower(), binary_media_types):
        return base64.b64encode(request.body).decode(), True
    return request.body.decode("utf-8", errors="replace"), False


def _is_binary(content_type: str, binary_media_types: Sequence[str]) -> bool:
    kind = content_type.split("/")[0]
    return any(known in (content_type, "*/*", f"{kind}/*") for known in binary_media_types)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
