"""The HTTP application: SageMaker's two routes, the legacy alias, and the life of the model behind them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from models.errors import EndpointError
from models.interface import LoadedModel
from server import problem
from server.health import Health, State
from server.invocation import ClientGone, invoke
from server.log import log
from server.settings import Settings
from server.worker import ModelWorker

CLIENT_CLOSED_REQUEST = 499


def create_app(settings: Settings, load_model: Callable[[], LoadedModel]) -> FastAPI:
    """The app; its model begins to load when the app starts, in a thread of its own.

    `app.state.health` is the server's Health. `load_model` may raise LoadError, or anything.
    """
    health = Health()
    worker = ModelWorker(load_model, health, settings.max_queue)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        worker.start()
        yield
        health.move(State.DEFUNCT)
        # The server has already waited for the requests that run; what is left has nobody to answer to.
        worker.stop(timeout_s=1)

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.health = health
    problem.install(app)

    async def ping() -> JSONResponse:
        return JSONResponse({"state": health.state}, 200 if health.serving else 503)

    async def invocations(request: Request) -> Response:
        try:
            response = await invoke(request, worker, settings)
        except ClientGone:
            log("client_gone")
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        except asyncio.CancelledError:
            # uvicorn cancels what outlasts the drain time; the caller gets something that it knows to retry.
            log("cut_off", logging.WARNING)
            return problem.problem_response(EndpointError("not_ready", "The server stopped before the answer."))
        except Exception as error:  # the outermost edge: past it, Starlette would print a traceback
            failure = problem.as_endpoint_error(error)
            level = logging.WARNING if failure.kind.status < 500 else logging.ERROR
            log("refused", level, status=failure.kind.status, code=failure.code, field=failure.field)
            return problem.problem_response(failure)
        log("invocation", status=200, usage=response["usage"], timings_ms=response["timings_ms"])
        return JSONResponse(response)

    app.add_api_route("/ping", ping, methods=["GET"])
    app.add_api_route("/invocations", invocations, methods=["POST"])
    app.add_api_route("/process_request", invocations, methods=["POST"])
    return app
