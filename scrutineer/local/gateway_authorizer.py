"""A REQUEST authorizer: its cache, its answer's meaning, and the ways in which it fails.

https://docs.aws.amazon.com/apigateway/latest/developerguide/configure-api-gateway-lambda-authorization.html
"""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scrutineer.local.errors import LocalStackError
from scrutineer.local.function_pool import InvokeResult
from scrutineer.local.policy import PolicyMalformed, is_allowed
from scrutineer.local.template_model import AuthorizerSpec

CACHE_ENTRIES = 10_000


@dataclass(frozen=True)
class Grant:
    """What the authorizer said of a caller, good for every method until it is too old."""

    policy: Any
    context: Mapping[str, str]
    usage_key: str | None


@dataclass(frozen=True)
class Decision:
    """`refusal` is None or the gateway response type to answer with."""

    refusal: str | None
    context: Mapping[str, str] = field(default_factory=dict)
    usage_key: str | None = None


class Authorizer:
    """Thread-safe; `decide` blocks while the function runs. `clock` is monotonic seconds."""

    def __init__(
        self, spec: AuthorizerSpec, *, invoke: Callable[[bytes], InvokeResult], clock: Callable[[], float]
    ) -> None:
        self.spec = spec
        self._invoke = invoke
        self._clock = clock
        self._cache: dict[tuple[str, ...], tuple[float, Grant]] = {}
        self._lock = threading.Lock()

    def cached(self, event: Mapping[str, Any]) -> Decision | None:
        """The decision without the function, if the cache or a missing identity source settles it."""
        identity = self.identity(event)
        if identity is None:
            return Decision("UNAUTHORIZED")
        with self._lock:
            entry = self._cache.get(identity) if identity and self.spec.ttl_s else None
        if entry and entry[0] > self._clock():
            return _decision(entry[1], str(event["methodArn"]))
        return None

    def decide(self, event: Mapping[str, Any]) -> Decision:
        """`event` is the authorizer's input event, with `methodArn`."""
        known = self.cached(event)
        if known:
            return known
        try:
            result = self._invoke(json.dumps(event).encode())
        except LocalStackError:
            return Decision("AUTHORIZER_FAILURE")
        if result.function_error:
            return Decision(_failure(result.payload))
        try:
            grant = _grant(result.payload)
            decision = _decision(grant, str(event["methodArn"]))
        except PolicyMalformed:
            return Decision("AUTHORIZER_CONFIGURATION_ERROR")
        identity = self.identity(event)
        if identity and self.spec.ttl_s:
            with self._lock:
                if len(self._cache) >= CACHE_ENTRIES:
                    self._cache.clear()
                self._cache[identity] = (self._clock() + self.spec.ttl_s, grant)
        return decision

    def identity(self, event: Mapping[str, Any]) -> tuple[str, ...] | None:
        """The values of the identity sources, which are the cache's key; None if one is missing or empty."""
        values = []
        for source in self.spec.identity_sources:
            if source.kind == "header":
                value = _header(event["headers"], source.name)
            elif source.kind == "querystring":
                value = (event["queryStringParameters"] or {}).get(source.name)
            elif source.kind == "stageVariables":
                value = (event["stageVariables"] or {}).get(source.name)
            else:
                value = _context_value(event["requestContext"], source.name)
            if not value:
                return None
            values.append(str(value))
        return tuple(values)


def _header(headers: Mapping[str, str] | None, name: str) -> str | None:
    return next((value for known, value in (headers or {}).items() if known.lower() == name.lower()), None)


def _context_value(context: Mapping[str, Any], path: str) -> Any:
    value: Any = context
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _failure(payload: bytes) -> str:
    try:
        message = json.loads(payload).get("errorMessage")
    except (ValueError, AttributeError):
        message = None
    return "UNAUTHORIZED" if message == "Unauthorized" else "AUTHORIZER_FAILURE"


def _grant(payload: bytes) -> Grant:
    try:
        answer = json.loads(payload)
    except ValueError as error:
        raise PolicyMalformed("the answer is no JSON") from error
    if not isinstance(answer, dict) or not isinstance(answer.get("principalId"), str):
        raise PolicyMalformed("the answer has no principalId")
    context = answer.get("context") or {}
    if not isinstance(context, dict) or any(isinstance(value, (dict, list)) for value in context.values()):
        raise PolicyMalformed("context values must be text, numbers or booleans")
    usage_key = answer.get("usageIdentifierKey")
    if usage_key is not None and not isinstance(usage_key, str):
        raise PolicyMalformed("usageIdentifierKey must be text")
    texts = {name: _text(value) for name, value in context.items() if value is not None}
    return Grant(answer.get("policyDocument"), {**texts, "principalId": answer["principalId"]}, usage_key)


def _decision(grant: Grant, method_arn: str) -> Decision:
    refusal = None if is_allowed(grant.policy, method_arn) else "ACCESS_DENIED"
    return Decision(refusal, grant.context, grant.usage_key)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
