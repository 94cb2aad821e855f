"""API Gateway's REST API on 127.0.0.1: the whole path of a request through it, in order."""

import asyncio
import dataclasses
import json
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from scrutineer.local.errors import LocalStackError, PayloadTooLarge, Throttled
from scrutineer.local.function_pool import FunctionPool, InvokeResult
from scrutineer.local.gateway_authorizer import Authorizer, Decision
from scrutineer.local.gateway_event import (
    MalformedAnswer,
    Request,
    answer_from,
    authorizer_event,
    new_request_id,
    proxy_event,
)
from scrutineer.local.gateway_headers import check_size
from scrutineer.local.gateway_iam import permitted_signer, unknown_route
from scrutineer.local.gateway_responses import Answer, GatewayResponses, Refused
from scrutineer.local.gateway_routes import Match, Routes
from scrutineer.local.http_server import RAW_HEADERS
from scrutineer.local.iam_identities import Identity
from scrutineer.local.plan_records import PlanRecords
from scrutineer.local.template_model import ApiSpec, RouteSpec
from scrutineer.local.usage_plans import TokenBucket, UsagePlans, Verdict

BODY_LIMIT_BYTES = 10 * 1024 * 1024
# More requests than this at once wait for a thread; each thread only waits for a function.
THREADS = 128
REFUSALS = {
    Verdict.UNKNOWN_KEY: "INVALID_API_KEY",
    Verdict.THROTTLED: "THROTTLED",
    Verdict.QUOTA_EXCEEDED: "QUOTA_EXCEEDED",
}
log = logging.getLogger(__name__)


class Gateway:
    """An ASGI application. The API is below `/{stage}`, as at its execute-api address.

    `records` are API Gateway's usage plans, without which there are the template's alone; `find_identity` knows the
    owners of access keys and may block; `clock` is monotonic seconds, `now` the time of day that signatures are held
    to.
    """

    def __init__(
        self,
        api: ApiSpec,
        functions: Mapping[str, FunctionPool],
        *,
        records: PlanRecords | None = None,
        find_identity: Callable[[str], Identity | None] = lambda access_key_id: None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._api = api
        self._functions = functions
        self._clock = clock
        self._routes = Routes(api.routes)
        self._responses = GatewayResponses(api.responses)
        self._records = records
        self._plans = records.plans if records else UsagePlans(api.plans, clock=clock)
        self._find_identity = find_identity
        self._now = now
        self._authorizers = {
            name: Authorizer(spec, invoke=functions[spec.function].invoke, clock=clock)
            for name, spec in api.authorizers.items()
        }
        self._stage_bucket = (
            TokenBucket(api.rate_per_s, api.burst, clock())
            if api.rate_per_s is not None and api.burst is not None
            else None
        )
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="gateway")

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self.answer(HttpRequest(scope, receive))
        except ClientDisconnect:
            return
        response = Response(answer.body, answer.status)
        response.raw_headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
        response.raw_headers.append((b"Content-Length", str(len(answer.body)).encode()))
        await response(scope, receive, send)

    async def answer(self, http: HttpRequest) -> Answer:
        prefix, raw_path = f"/{self._api.stage}", http.scope["raw_path"].decode("ascii")
        path = raw_path.removeprefix(prefix) or "/"
        client = http.client
        request = Request(
            method=http.method,
            path=path,
            query=http.scope["query_string"].decode("latin-1"),
            headers=_headers(http.scope),
            body=b"",
            source_ip=client.host if client else "127.0.0.1",
            protocol=f"HTTP/{http.scope['http_version']}",
            request_id=new_request_id(),
        )
        match: Match | None = None
        try:
            check_size(f"{http.method} {raw_path}?{request.query} {request.protocol}\r\n", request.headers)
            if raw_path != prefix and not raw_path.startswith(prefix + "/"):
                raise unknown_route(request)
            request = _with_body(request, await _read_body(http))
            match = self._routes.find(request.method, request.path)
            if match is None:
                raise unknown_route(request)
            if self._stage_bucket and not self._stage_bucket.take(self._clock()):
                raise Refused("THROTTLED")
            signer = await self._signer(match, request)
            decision = await self._authorize(match, request)
            await self._admit(match.route, request, decision)
            return await self._integrate(match, request, decision, signer)
        except Refused as refused:
            return self._responses.answer(refused, self._context(request, match))

    async def _signer(self, match: Match, request: Request) -> Identity | None:
        if not match.route.signed:
            return None
        signer: Identity = await self._in_thread(
            permitted_signer, self._api, match, request, self._find_identity, self._now()
        )
        return signer

    async def _authorize(self, match: Match, request: Request) -> Decision:
        if match.route.authorizer is None:
            return Decision(None)
        authorizer = self._authorizers[match.route.authorizer]
        event = authorizer_event(self._api, match, request)
        # What the cache settles needs no thread.
        decision = authorizer.cached(event) or await self._in_thread(authorizer.decide, event)
        if decision.refusal:
            raise Refused(decision.refusal)
        return decision

    async def _admit(self, route: RouteSpec, request: Request, decision: Decision) -> None:
        if not route.api_key_required:
            return
        key = decision.usage_key
        if self._api.key_source == "HEADER":
            # Of several values the last counts, as in the event.
            key = next((value for name, value in reversed(request.headers) if name.lower() == "x-api-key"), None)
        verdict = self._plans.admit(key)
        if verdict is Verdict.UNKNOWN_KEY and key and self._records:
            await self._in_thread(self._records.look_again)
            verdict = self._plans.admit(key)
        if verdict in REFUSALS:
            raise Refused(REFUSALS[verdict])

    async def _integrate(self, match: Match, request: Request, decision: Decision, signer: Identity | None) -> Answer:
        function = self._functions[match.route.function]
        event = json.dumps(proxy_event(self._api, match, request, decision.context, signer)).encode()
        try:
            # The function goes on after a timeout, as Lambda does.
            result: InvokeResult = await asyncio.wait_for(
                asyncio.shield(self._in_thread(function.invoke, event)), match.route.timeout_s
            )
            if result.function_error:
                raise Refused("DEFAULT_5XX")
            return answer_from(result.payload, request)
        except TimeoutError:
            raise Refused("INTEGRATION_TIMEOUT") from None
        except PayloadTooLarge:
            raise Refused("REQUEST_TOO_LARGE") from None
        except Throttled:
            # Lambda's 429 to API Gateway reaches the client as an API configuration error.
            raise Refused("API_CONFIGURATION_ERROR") from None
        except (MalformedAnswer, LocalStackError) as error:
            log.warning("%s: malformed proxy answer: %s", match.route.function, error)
            raise Refused("DEFAULT_5XX") from None

    def _in_thread(self, call: Callable[..., Any], *arguments: Any) -> "asyncio.Future[Any]":
        return asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)

    def _context(self, request: Request, match: Match | None) -> dict[str, str]:
        return {
            "requestId": request.request_id,
            "extendedRequestId": request.request_id,
            "stage": self._api.stage,
            "path": f"/{self._api.stage}{request.path}",
            "resourcePath": match.route.path if match else "",
            "httpMethod": request.method,
            "apiId": self._api.api_id,
            "identity.sourceIp": request.source_ip,
        }


def _headers(scope: Scope) -> tuple[tuple[str, str], ...]:
    raw = (scope.get("extensions") or {}).get(RAW_HEADERS) or scope["headers"]
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in raw)


def _with_body(request: Request, body: bytes) -> Request:
    return dataclasses.replace(request, body=body)


async def _read_body(http: HttpRequest) -> bytes:
    length = http.headers.get("content-length", "")
    if length.isdigit() and int(length) > BODY_LIMIT_BYTES:
        raise Refused("REQUEST_TOO_LARGE")
    chunks, size = [], 0
    async for chunk in http.stream():
        size += len(chunk)
        if size > BODY_LIMIT_BYTES:
            raise Refused("REQUEST_TOO_LARGE")
        chunks.append(chunk)
    return b"".join(chunks)
