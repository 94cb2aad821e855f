"""SageMaker's runtime API in front of a container: `POST /endpoints/{name}/invocations`, with SageMaker's own errors.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
"""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scrutineer.local.template_model import ACCOUNT

# https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html: "must respond within 60 seconds"
MODEL_LIMIT_S = 60.0
PAYLOAD_LIMIT_BYTES = 6 * 1024 * 1024
VARIANT = "primary"
# SageMaker passes these to the container, and back.
FORWARDED = ("content-type", "accept", "x-amzn-sagemaker-custom-attributes", "x-amzn-sagemaker-inference-id")
RETURNED = ("content-type", "x-amzn-sagemaker-custom-attributes")
MESSAGE_LIMIT = 1024
COMPONENT_HEADER = "x-amzn-sagemaker-inference-component"
COMPONENT_MISSING = (
    "Inference Component Name header is required for endpoints to which you plan to deploy inference components. "
    "Please include Inference Component Name header or consider using SageMaker models."
)
COMPONENT_UNWANTED = (
    "Inference Component Name header is not allowed for endpoints to which you dont plan to deploy inference "
    "components. Please remove the Inference Component Name header and try again."
)
NO_CAPACITY = (
    "Inference Component has no capacity to process this request. ApplicationAutoScaling may be in-progress (if "
    "configured) or try to increase the capacity by invoking UpdateInferenceComponentRuntimeConfig API."
)


class Copies:
    """Copies of a component that scales from zero: the first call starts one, which is there `start_s` later."""

    def __init__(self, start_s: float) -> None:
        self._start_s = start_s
        self._asked_at: float | None = None

    def answer(self, now: float) -> bool:
        """Whether one is there to take a call made `now`."""
        if self._asked_at is None:
            self._asked_at = now
        return now >= self._asked_at + self._start_s


def create_app(
    endpoint_name: str,
    endpoint_url: str,
    *,
    component: str = "",
    cold_start_s: float = 0.0,
    payload_limit_bytes: int = PAYLOAD_LIMIT_BYTES,
    model_limit_s: float = MODEL_LIMIT_S,
) -> Starlette:
    """One endpoint, whose container listens at `endpoint_url`.

    With a `component` it is one of inference components; that one has a copy `cold_start_s` after its first call.
    """
    copies = Copies(cold_start_s)
    client = httpx.AsyncClient(
        base_url=endpoint_url,
        timeout=httpx.Timeout(model_limit_s, connect=5.0),
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=60),
        trust_env=False,
    )

    async def invoke(request: Request) -> Response:
        name = request.path_params["name"]
        if name != endpoint_name:
            return mistake(f"Endpoint {name} of account {ACCOUNT} not found.")
        if refusal := wrong_component(request.headers.get(COMPONENT_HEADER, ""), component):
            return mistake(refusal)
        body = await request.body()
        if len(body) > payload_limit_bytes:
            return error(413, "RequestEntityTooLarge", {"message": "Request Entity Too Large"})
        if not copies.answer(time.monotonic()):
            return mistake(NO_CAPACITY)
        headers = {header: request.headers[header] for header in FORWARDED if header in request.headers}
        try:
            answer = await asyncio.wait_for(client.post("/invocations", content=body, headers=headers), model_limit_s)
        except (TimeoutError, httpx.TimeoutException):
            return model_error(
                0,
                f"Your invocation timed out while waiting for a response from container {VARIANT}. Review the latency "
                "metrics for each container in Amazon CloudWatch, resolve the issue, and try again.",
            )
        except httpx.ConnectError:
            # No healthy instance is left.
            return error(503, "ServiceUnavailable", {"message": "The service is currently unavailable."})
        except httpx.TransportError:
            # The container died with the request in its hands.
            return model_error(500, "")
        if not answer.is_success:
            return model_error(answer.status_code, answer.text)
        returned = {header: answer.headers[header] for header in RETURNED if header in answer.headers}
        return Response(answer.content, 200, {**returned, "x-amzn-Invoked-Production-Variant": VARIANT})

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with client:
            yield

    return Starlette(routes=[Route("/endpoints/{name}/invocations", invoke, methods=["POST"])], lifespan=lifespan)


def wrong_component(asked: str, component: str) -> str:
    """Why a call for the component `asked` is no call for this one; empty where it is."""
    if asked == component:
        return ""
    if not component:
        return COMPONENT_UNWANTED
    return f'Could not find inference component "{asked}".' if asked else COMPONENT_MISSING


def mistake(message: str) -> Response:
    """What the caller should not have asked, or not yet: SageMaker has the same code for both."""
    return error(400, "ValidationError", {"message": message})


def model_error(status: int, message: str) -> Response:
    """Whatever the container answers but 2xx is a ModelError with status 424."""
    side = "client" if 400 <= status < 500 else "server"
    return error(
        424,
        "ModelError",
        {
            "ErrorCode": "CLIENT_ERROR_FROM_MODEL" if side == "client" else "INTERNAL_FAILURE_FROM_MODEL",
            "LogStreamArn": "",
            "Message": f'Received {side} error ({status}) from {VARIANT} with message "{message[:MESSAGE_LIMIT]}"',
            "OriginalMessage": message[:MESSAGE_LIMIT],
            "OriginalStatusCode": status,
        },
    )


def error(status: int, code: str, members: Mapping[str, object]) -> Response:
    headers = {"x-amzn-ErrorType": code, "x-amzn-RequestId": str(uuid.uuid4())}
    return Response(json.dumps(members), status, headers, "application/json")
