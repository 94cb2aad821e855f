"""The HTTP application: SageMaker's two routes, the legacy alias, the metrics, and the life of the model."""

import asyncio
import logging
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any

import anyio
from fastapi import FastAPI, Request
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from models.errors import EndpointError
from models.interface import LoadedModel
from server import problem
from server.health import Health, State
from server.invocation import Answer, ClientGone, Part, invoke
from server.json_lines import JsonLines
from server.line import BatchLimits
from server.log import log
from server.metrics import CONTENT_TYPE_PLAIN_0_0_4, Metrics
from server.settings import Settings
from server.worker import ModelWorker

CLIENT_CLOSED_REQUEST = 499
# SageMaker's own, and that of callers who reach the container without it.
INFERENCE_ID_HEADERS = ("x-amzn-sagemaker-inference-id", "x-inference-id")


def create_app(settings: Settings, load_model: Callable[[], LoadedModel]) -> FastAPI:
    """The app; its model begins to load when the app starts, in a thread of its own.

    `app.state.health` is the server's Health, `app.state.line` what waits for the model. `load_model` may raise
    LoadError, or anything.
    """
    health = Health()
    metrics = Metrics()
    limits = BatchLimits(settings.max_batch_tokens, settings.max_batch_tiles, settings.max_wait_ms / 1000)
    worker = ModelWorker(load_model, health, metrics, settings.max_queue, limits)
    metrics.watch(health, lambda: worker.caches, lambda: worker.slots_in_use)
    # A photo of MAX_PIXELS takes 150 MB while it is decoded; and on a CPU the model wants the cores as well.
    decoders = anyio.CapacityLimiter(settings.decode_threads or max(1, len(os.sched_getaffinity(0)) // 2))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        worker.start()
        yield
        health.move(State.DEFUNCT)
        # The server has already waited for the requests that run; what is left has nobody to answer to.
        worker.stop(timeout_s=1)

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.health = health
    app.state.line = worker.line
    problem.install(app)

    async def ping() -> JSONResponse:
        return JSONResponse({"state": health.state}, 200 if health.serving else 503)

    async def scrape() -> Response:
        return Response(metrics.text(), headers={"content-type": CONTENT_TYPE_PLAIN_0_0_4})

    async def invocations(request: Request) -> Response:
        events = invoke(request, worker, settings, decoders)
        # What goes wrong before the first event is told by the status; after it, by a line of the stream.
        try:
            first = await anext(events)
        except Exception as error:  # the outermost edge: past it, Starlette would print a traceback
            return counted(refusal(request, error))
        except asyncio.CancelledError:
            return counted(problem.problem_response(cut_off(request)))
        if isinstance(first, Part):
            return JsonLines(lines(request, first, events))
        await events.aclose()
        return counted(JSONResponse(answered(request, first)))

    async def lines(
        request: Request, first: Part, events: AsyncGenerator[Part | Answer, None]
    ) -> AsyncGenerator[Mapping[str, object], None]:
        """The parts, then the answer or a problem; nothing more for a caller who hung up."""
        status = 200
        try:
            yield first.content
            async with aclosing(events):
                async for event in events:
                    yield event.content if isinstance(event, Part) else answered(request, event)
        except (Exception, asyncio.CancelledError) as error:
            failure = cut_off(request) if isinstance(error, asyncio.CancelledError) else refused(request, error)
            status = CLIENT_CLOSED_REQUEST if failure is None else failure.kind.status
            if failure is not None:
                yield {"error": problem.problem_body(failure)}
        except GeneratorExit:
            status = CLIENT_CLOSED_REQUEST
            raise
        finally:
            await events.aclose()
            metrics.requests.labels(status=str(status)).inc()

    def counted(response: Response) -> Response:
        metrics.requests.labels(status=str(response.status_code)).inc()
        return response

    def answered(request: Request, answer: Answer) -> dict[str, Any]:
        measured = {"usage": answer.content["usage"], "timings_ms": answer.content["timings_ms"]}
        metrics.answered(**measured)
        log("invocation", inference_id=inference_id(request), status=200, **measured)
        return answer.content

    def refusal(request: Request, error: Exception) -> Response:
        failure = refused(request, error)
        return Response(status_code=CLIENT_CLOSED_REQUEST) if failure is None else problem.problem_response(failure)

    def refused(request: Request, error: Exception) -> EndpointError | None:
        """What to tell the caller, or None if they are gone; logged."""
        if isinstance(error, ClientGone | ClientDisconnect):
            log("client_gone", inference_id=inference_id(request))
            return None
        failure = problem.as_endpoint_error(error)
        level = logging.ERROR if failure.kind.status == 500 else logging.WARNING
        told = {"status": failure.kind.status, "code": failure.code, "field": failure.field}
        log("refused", level, inference_id=inference_id(request), **told)
        return failure

    def cut_off(request: Request) -> EndpointError:
        """uvicorn cancels what outlasts the drain time; the caller gets something that it knows to retry."""
        log("cut_off", logging.WARNING, inference_id=inference_id(request))
        return EndpointError("not_ready", "The server stopped before the answer.")

    app.add_api_route("/ping", ping, methods=["GET"])
    app.add_api_route("/metrics", scrape, methods=["GET"])
    app.add_api_route("/invocations", invocations, methods=["POST"])
    app.add_api_route("/process_request", invocations, methods=["POST"])
    return app


def inference_id(request: Request) -> str | None:
    """The caller's name for this call, if it gave one that is safe to log."""
    given = next((request.headers[name] for name in INFERENCE_ID_HEADERS if name in request.headers), "")
    return given if re.fullmatch(r"[A-Za-z0-9._:-]{1,128}", given) else None
