"""What API Gateway answers by itself has our error shape, and what it lets through is what the stages serve."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

# https://docs.aws.amazon.com/apigateway/latest/api/API_GatewayResponse.html
KINDS = {
    "ACCESS_DENIED",
    "API_CONFIGURATION_ERROR",
    "AUTHORIZER_CONFIGURATION_ERROR",
    "AUTHORIZER_FAILURE",
    "BAD_REQUEST_BODY",
    "BAD_REQUEST_PARAMETERS",
    "DEFAULT_4XX",
    "DEFAULT_5XX",
    "EXPIRED_TOKEN",
    "INTEGRATION_FAILURE",
    "INTEGRATION_TIMEOUT",
    "INVALID_API_KEY",
    "INVALID_SIGNATURE",
    "MISSING_AUTHENTICATION_TOKEN",
    "QUOTA_EXCEEDED",
    "REQUEST_TOO_LARGE",
    "RESOURCE_NOT_FOUND",
    "THROTTLED",
    "UNAUTHORIZED",
    "UNSUPPORTED_MEDIA_TYPE",
    "WAF_FILTERED",
}
STATUS_BY_CODE = {
    "bad_request": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "unknown_route": 404,
    "payload_too_large": 413,
    "unsupported_media_type": 415,
    "too_many_requests": 429,
    "quota_exceeded": 429,
    "internal_error": 500,
    "unavailable": 503,
    "timeout": 504,
}
AUTHORIZER = "CallerAuthorizer"
OPEN_ROUTES = {("get", "/v1/openapi.json"), ("get", "/v1/docs")}


@pytest.fixture(scope="module")
def responses(resources: Mapping[str, Any]) -> Mapping[str, Any]:
    found: dict[str, Any] = resources["Api"]["Properties"]["Body"]["x-amazon-apigateway-gateway-responses"]
    return found


def test_no_kind_of_gateway_response_is_left_to_api_gateway(responses: Mapping[str, Any]) -> None:
    assert set(responses) == KINDS


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_gateway_response_is_a_problem(kind: str, responses: Mapping[str, Any]) -> None:
    response = responses[kind]
    problem = json.loads(response["responseTemplates"]["application/json"])
    code = problem["code"]

    assert list(problem) == ["type", "title", "status", "detail", "code", "request_id"]
    assert problem["type"] == f"urn:scrutineer:problem:{code}"
    assert problem["status"] == STATUS_BY_CODE[code] == int(response["statusCode"])
    assert problem["request_id"] == "$context.requestId"
    assert response["responseParameters"]["gatewayresponse.header.Content-Type"] == "'application/problem+json'"
    assert ("gatewayresponse.header.Retry-After" in response["responseParameters"]) == (problem["status"] in (429, 503))


def test_every_route_but_the_documentation_asks_who_it_is(resources: Mapping[str, Any]) -> None:
    """By our authorizer with a usage plan, or below /iam by API Gateway's own check of an AWS signature."""
    body = resources["Api"]["Properties"]["Body"]
    open_to_all: set[tuple[str, str]] = set()
    for path, methods in body["paths"].items():
        for method, operation in methods.items():
            schemes = {name for scheme in operation.get("security", []) for name in scheme}
            if path.startswith("/iam/"):
                assert schemes == {"AWS_IAM"}, (method, path)
            elif schemes in (set(), {"NONE"}):
                open_to_all.add((method, path))
            else:
                assert schemes == {AUTHORIZER, "api_key"}, (method, path)
    assert open_to_all == OPEN_ROUTES


def test_every_path_is_there_for_machines_in_aws_too(resources: Mapping[str, Any]) -> None:
    paths = set(resources["Api"]["Properties"]["Body"]["paths"])
    signed = {path.removeprefix("/iam") for path in paths if path.startswith("/iam/")}
    for path in paths:
        if path.startswith("/v1/") and ("get", path) not in OPEN_ROUTES:
            assert path in signed or any(
                other.endswith("/{proxy+}") and path.startswith(other.removesuffix("{proxy+}")) for other in signed
            ), path


def test_api_gateway_keeps_no_answer_of_the_authorizer(resources: Mapping[str, Any]) -> None:
    """What is revoked dies when the function's own memory ends; and a key, a JWT or neither all get to the function."""
    schemes = resources["Api"]["Properties"]["Body"]["components"]["securitySchemes"]
    authorizer = schemes[AUTHORIZER]["x-amazon-apigateway-authorizer"]
    assert authorizer["authorizerResultTtlInSeconds"] == 0
    assert not authorizer.get("identitySource")


def test_no_secret_key_is_in_api_gateway(resources: Mapping[str, Any]) -> None:
    assert resources["Api"]["Properties"]["ApiKeySourceType"] == "AUTHORIZER"
    assert not any(resource["Type"] == "AWS::ApiGateway::ApiKey" for resource in resources.values())


def test_a_request_is_judged_in_one_place(resources: Mapping[str, Any], root: Path) -> None:
    """In the function, which names the field. API Gateway could check parameters that are required, and none is."""
    body = resources["Api"]["Properties"]["Body"]
    assert "x-amazon-apigateway-request-validators" not in body
    assert "schemas" not in body["components"]
    operations = [
        operation
        for methods in json.loads((root / "functions/documentation/openapi.json").read_text())["paths"].values()
        for operation in methods.values()
    ]
    required = {
        parameter["name"]
        for operation in operations
        for parameter in operation.get("parameters", [])
        if parameter.get("required") and parameter["in"] != "path"
    }
    assert required == set()
