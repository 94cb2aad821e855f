"""SageMaker's runtime API in front of an asynchronous endpoint: `POST /endpoints/{name}/async-invocations`.

A request is read from S3 once the model can take it; the answer is written to where the call was told it would be.
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointAsync.html
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from scrutineer.local.sagemaker_runtime import mistake
from scrutineer.local.template_model import ACCOUNT

PREFIX = "x-amzn-sagemaker-"
# As infrastructure/endpoint.yaml configures it.
ANSWERS, FAILURES = "asynchronous/answers", "asynchronous/failures"
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointAsync.html
QUEUED_S, MODEL_LIMIT_S = 21_600, 900
PAUSE_S = 0.2


@dataclass(frozen=True)
class Queued:
    """One request: its bucket is the answer's too."""

    bucket: str
    key: str
    answer_key: str
    failure_key: str
    headers: Mapping[str, str]
    expires_at: float
    model_limit_s: float


def create_app(endpoint_name: str, endpoint_url: str, *, s3: Any, cold_start_s: float = 0.0) -> Starlette:
    """One endpoint, whose container listens at `endpoint_url`; it has none until `cold_start_s` after its first call.

    `s3` is a boto3 client.
    """
    client = httpx.AsyncClient(base_url=endpoint_url, trust_env=False)
    under_way: set[asyncio.Task[None]] = set()
    awake_at: list[float] = []

    async def take_in(request: Request) -> Response:
        name = request.path_params["name"]
        if name != endpoint_name:
            return mistake(f"Endpoint {name} of account {ACCOUNT} not found.")
        told = request.headers.items()
        given = {header.removeprefix(PREFIX): value for header, value in told if header.startswith(PREFIX)}
        bucket, _, key = given.get("inputlocation", "").removeprefix("s3://").partition("/")
        if not key:
            return mistake("InputLocation must be an S3 URI.")
        if not awake_at:
            awake_at.append(time.monotonic() + cold_start_s)
        name = str(uuid.uuid4())
        queued = Queued(
            bucket=bucket,
            key=key,
            answer_key=f"{ANSWERS}/{name}.out",
            failure_key=f"{FAILURES}/{name}-error.out",
            headers={
                "content-type": given.get("content-type", "application/octet-stream"),
                "accept": given.get("accept", "*/*"),
                **({f"{PREFIX}inference-id": given["inference-id"]} if "inference-id" in given else {}),
            },
            expires_at=time.monotonic() + float(given.get("requestttlseconds", QUEUED_S)),
            model_limit_s=float(given.get("invocationtimeoutseconds", MODEL_LIMIT_S)),
        )
        task = asyncio.create_task(work(queued))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        places = {
            f"{PREFIX}outputlocation": f"s3://{bucket}/{queued.answer_key}",
            f"{PREFIX}failurelocation": f"s3://{bucket}/{queued.failure_key}",
        }
        return JSONResponse({"InferenceId": given.get("inference-id", name)}, 202, places)

    async def work(queued: Queued) -> None:
        await asyncio.sleep(awake_at[0] - time.monotonic())
        while time.monotonic() < queued.expires_at:
            try:
                key, data = await answered(queued)
            except httpx.ConnectError:  # no instance is well; its turn is still to come
                await asyncio.sleep(PAUSE_S)
                continue
            await asyncio.to_thread(s3.put_object, Bucket=queued.bucket, Key=key, Body=data)
            return

    async def answered(queued: Queued) -> tuple[str, bytes]:
        """Where something is to be written, and what."""
        try:
            found = await asyncio.to_thread(s3.get_object, Bucket=queued.bucket, Key=queued.key)
        except s3.exceptions.NoSuchKey:
            return queued.failure_key, b"The request is not in S3."
        body = await asyncio.to_thread(found["Body"].read)
        timeout = httpx.Timeout(queued.model_limit_s, connect=5.0)
        try:
            answer = await client.post("/invocations", content=body, headers=queued.headers, timeout=timeout)
        except httpx.ConnectError:
            raise
        except httpx.TransportError as error:
            return queued.failure_key, f"The container gave no answer ({type(error).__name__}).".encode()
        return queued.answer_key if answer.is_success else queued.failure_key, answer.content

    async def refuse(request: Request) -> Response:
        return mistake(f"Endpoint {endpoint_name} only takes asynchronous invocations.")

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with client:
            yield
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    routes = [
        Route("/endpoints/{name}/async-invocations", take_in, methods=["POST"]),
        Route("/endpoints/{name}/invocations", refuse, methods=["POST"]),
    ]
    return Starlette(routes=routes, lifespan=lifespan)
