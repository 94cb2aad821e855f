"""A REST API as the gateway needs it, out of the OpenAPI document that SAM puts into the template."""

import re
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from scrutineer.local.errors import TemplateInvalid, TemplateUnsupported
from scrutineer.local.template_model import (
    ApiSpec,
    AuthorizerSpec,
    GatewayResponseSpec,
    IdentitySource,
    RouteSpec,
    UsagePlanSpec,
)
from scrutineer.local.template_resources import Resources

INTEGRATION = "x-amazon-apigateway-integration"
ANY_METHOD = "x-amazon-apigateway-any-method"
AUTHORIZER = "x-amazon-apigateway-authorizer"
AUTHORIZER_TYPE = "x-amazon-apigateway-authtype"
METHODS = ("get", "post", "put", "patch", "delete", "head", "options", ANY_METHOD)
# REST API's own limit: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
INTEGRATION_TIMEOUT_S = 29.0
FUNCTION_URI = re.compile(r":lambda:path/2015-03-31/functions/(arn:[^/]+)/invocations$")
HEADER_PREFIX = "gatewayresponse.header."
KNOWN_BODY = {
    "openapi",
    "swagger",
    "info",
    # Whether API Gateway's own address is closed; the local one is every address of the API's.
    "servers",
    "paths",
    "tags",
    "definitions",
    "components",
    "securityDefinitions",
    "x-amazon-apigateway-gateway-responses",
    "x-amazon-apigateway-binary-media-types",
    "x-amazon-apigateway-api-key-source",
}
KNOWN_METHOD = {"responses", "security", "summary", "description", "operationId", "tags", "parameters", INTEGRATION}


def read_api(logical_id: str, properties: Mapping[str, Any], resources: Resources) -> ApiSpec:
    body = properties.get("Body")
    if not isinstance(body, Mapping):
        raise TemplateUnsupported(logical_id, "a REST API without an inline Body")
    for name in body:
        if name not in KNOWN_BODY:
            raise TemplateUnsupported(logical_id, name)
    schemes = body.get("securityDefinitions") or (body.get("components") or {}).get("securitySchemes") or {}
    stage_id, stage = _stage(logical_id, resources)
    rate_per_s, burst = _stage_throttle(stage_id, stage.get("MethodSettings") or [])
    media_types = [
        *(body.get("x-amazon-apigateway-binary-media-types") or []),
        *(properties.get("BinaryMediaTypes") or []),
    ]
    return ApiSpec(
        logical_id=logical_id,
        api_id=resources.attributes.ref(logical_id),
        stage=str(stage["StageName"]),
        routes=tuple(_routes(logical_id, body.get("paths") or {}, schemes, resources)),
        authorizers={
            name: _authorizer(logical_id, name, scheme[AUTHORIZER], resources)
            for name, scheme in schemes.items()
            if AUTHORIZER in scheme
        },
        responses=_responses(body.get("x-amazon-apigateway-gateway-responses") or {}),
        key_source=str(
            properties.get("ApiKeySourceType") or body.get("x-amazon-apigateway-api-key-source") or "HEADER"
        ),
        binary_media_types=tuple(dict.fromkeys(media_type.replace("~1", "/") for media_type in media_types)),
        stage_variables={name: str(value) for name, value in (stage.get("Variables") or {}).items()},
        plans=tuple(_plans(logical_id, str(stage["StageName"]), resources)),
        rate_per_s=rate_per_s,
        burst=burst,
    )


def _stage(logical_id: str, resources: Resources) -> tuple[str, dict[str, Any]]:
    api_id = resources.attributes.ref(logical_id)
    stages = [
        (stage_id, stage) for stage_id, stage in resources.all("AWS::ApiGateway::Stage") if stage["RestApiId"] == api_id
    ]
    if len(stages) != 1:
        raise TemplateUnsupported(logical_id, f"an API with {len(stages)} stages")
    return stages[0]


def _stage_throttle(stage_id: str, settings: list[Mapping[str, Any]]) -> tuple[float | None, int | None]:
    rate_per_s, burst = None, None
    for setting in settings:
        if "ThrottlingRateLimit" not in setting and "ThrottlingBurstLimit" not in setting:
            continue
        if setting.get("HttpMethod") != "*" or setting.get("ResourcePath") != "/*":
            raise TemplateUnsupported(stage_id, "a throttle of a single method")
        rate_per_s = float(setting["ThrottlingRateLimit"])
        burst = int(setting["ThrottlingBurstLimit"])
    return rate_per_s, burst


def _routes(
    logical_id: str, paths: Mapping[str, Any], schemes: Mapping[str, Any], resources: Resources
) -> Iterator[RouteSpec]:
    for path, methods in paths.items():
        for method, operation in methods.items():
            where = f"{logical_id} {method.upper()} {path}"
            if method not in METHODS:
                raise TemplateUnsupported(where, method)
            for name in operation:
                if name not in KNOWN_METHOD:
                    raise TemplateUnsupported(where, name)
            integration = operation.get(INTEGRATION) or {}
            uri = FUNCTION_URI.search(str(integration.get("uri")))
            if integration.get("type") != "aws_proxy" or not uri:
                raise TemplateUnsupported(where, f"an integration of type {integration.get('type')}")
            required = {name for entry in operation.get("security") or [] for name in entry}
            authorizers = [name for name in required if AUTHORIZER in schemes.get(name, {})]
            signed = {name for name in required if schemes.get(name, {}).get(AUTHORIZER_TYPE) == "awsSigv4"}
            others = required - set(authorizers) - signed - {"api_key"}
            if others or len(authorizers) + len(signed) > 1:
                raise TemplateUnsupported(where, f"the security {', '.join(sorted(required))}")
            if "credentials" in integration:
                raise TemplateUnsupported(where, "a function invoked as its caller or a role (InvokeRole is not NONE)")
            yield RouteSpec(
                path=path,
                method="ANY" if method == ANY_METHOD else method.upper(),
                function=resources.find("AWS::Lambda::Function", uri[1], where),
                authorizer=authorizers[0] if authorizers else None,
                api_key_required="api_key" in required,
                timeout_s=float(integration.get("timeoutInMillis", INTEGRATION_TIMEOUT_S * 1000)) / 1000,
                signed=bool(signed),
            )


def _authorizer(logical_id: str, name: str, properties: Mapping[str, Any], resources: Resources) -> AuthorizerSpec:
    where = f"{logical_id} authorizer {name}"
    if properties.get("type") != "request":
        raise TemplateUnsupported(where, f"the type {properties.get('type')}")
    uri = FUNCTION_URI.search(str(properties.get("authorizerUri")))
    if not uri:
        raise TemplateInvalid(f"{where}: authorizerUri is no function")
    identity_sources = tuple(_identity_sources(where, str(properties.get("identitySource") or "")))
    ttl_s = int(properties.get("authorizerResultTtlInSeconds", 300))
    if ttl_s and not identity_sources:
        raise TemplateInvalid(f"{where}: a cache (ReauthorizeEvery) needs an identity source")
    return AuthorizerSpec(
        name=name,
        function=resources.find("AWS::Lambda::Function", uri[1], where),
        identity_sources=identity_sources,
        ttl_s=ttl_s,
    )


def _identity_sources(where: str, text: str) -> Iterator[IdentitySource]:
    for source in filter(None, (part.strip() for part in text.split(","))):
        for prefix, kind in (
            ("method.request.header.", "header"),
            ("method.request.querystring.", "querystring"),
            ("stageVariables.", "stageVariables"),
            ("context.", "context"),
        ):
            if source.startswith(prefix):
                yield IdentitySource(kind, source.removeprefix(prefix))
                break
        else:
            raise TemplateUnsupported(where, f"the identity source {source}")


def _responses(responses: Mapping[str, Any]) -> dict[str, GatewayResponseSpec]:
    specs = {}
    for response_type, response in responses.items():
        headers = {}
        for name, value in (response.get("responseParameters") or {}).items():
            if not name.startswith(HEADER_PREFIX):
                raise TemplateUnsupported(f"gateway response {response_type}", name)
            headers[name.removeprefix(HEADER_PREFIX)] = str(value)
        status = response.get("statusCode")
        specs[response_type] = GatewayResponseSpec(
            status=None if status is None else int(status),
            headers=headers,
            templates={name: str(text) for name, text in (response.get("responseTemplates") or {}).items()},
        )
    return specs


def _plans(logical_id: str, stage_name: str, resources: Resources) -> Iterator[UsagePlanSpec]:
    keys = {
        # A key without a value gets one from API Gateway; so it does here.
        key_id: str(key.get("Value") or secrets.token_hex(20))
        for key_id, key in resources.all("AWS::ApiGateway::ApiKey")
        if str(key.get("Enabled", "false")).lower() == "true"
    }
    attachments = list(resources.all("AWS::ApiGateway::UsagePlanKey"))
    for plan_id, plan in resources.all("AWS::ApiGateway::UsagePlan"):
        api_id = resources.attributes.ref(logical_id)
        stages = [
            stage
            for stage in plan.get("ApiStages") or []
            if (stage["ApiId"], str(stage["Stage"])) == (api_id, stage_name)
        ]
        if not stages:
            continue
        if any("Throttle" in stage for stage in stages):
            raise TemplateUnsupported(plan_id, "a throttle of a single method")
        throttle = plan.get("Throttle") or {}
        quota = plan.get("Quota") or {}
        if int(quota.get("Offset", 0)) != 0:
            raise TemplateUnsupported(plan_id, "a quota with Offset")
        yield UsagePlanSpec(
            logical_id=plan_id,
            rate_per_s=float(throttle["RateLimit"]) if "RateLimit" in throttle else None,
            burst=int(throttle["BurstLimit"]) if "BurstLimit" in throttle else None,
            quota_limit=int(quota["Limit"]) if "Limit" in quota else None,
            quota_period=quota.get("Period"),
            keys={
                attachment["KeyId"]: keys[attachment["KeyId"]]
                for _, attachment in attachments
                if attachment["UsagePlanId"] == plan_id and attachment["KeyId"] in keys
            },
        )
