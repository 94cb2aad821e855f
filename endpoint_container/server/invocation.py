"""The way of one request through the server: read, admit, prepare, run, render."""

import asyncio
import logging
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import anyio
import anyio.to_thread
from fastapi import Request

from models.errors import EndpointError
from models.interface import FollowingRunner, LoadedModel, TaskRunner
from server.body import parse_object, read_body
from server.line import Done
from server.log import log
from server.settings import Settings
from server.tasks import Task, choose_task
from server.worker import ModelWorker, Submit

# Why a model may refuse a larger form of a request that it has answered.
NO_ROOM = frozenset({"prompt_too_long", "out_of_memory"})


class ClientGone(Exception):
    """The caller hung up before the answer was there."""


@dataclass(frozen=True)
class Prepared:
    """A request in the model's terms: `request` is the task's own type, `inputs` the runner's."""

    task: Task
    runner: TaskRunner[Any, Any, Any]
    request: Any
    inputs: Any
    queue_ms: float
    parse_ms: float


async def invoke(
    request: Request, worker: ModelWorker, settings: Settings, decoders: anyio.CapacityLimiter
) -> dict[str, Any]:
    """The response to one invocation; `decoders` bounds how many decode photos at once.

    Raises EndpointError, or ClientGone.
    """
    started = perf_counter()
    body = await read_body(request, settings.max_body_bytes)
    model = worker.model
    with worker.slot() as submit:
        prepared = await anyio.to_thread.run_sync(_prepare, body, model, settings, perf_counter(), limiter=decoders)
        done = await _outcome(submit(prepared.runner, prepared.inputs), request)
        done = await _followed(prepared, done, submit, request, decoders)
    response = prepared.task.render(prepared.request, done.value)
    timings_ms = {"queue": prepared.queue_ms + done.queue_ms, **done.value.timings_ms}
    timings_ms["decode"] = timings_ms.get("decode", 0.0) + prepared.parse_ms
    timings_ms["total"] = (perf_counter() - started) * 1000
    response["model"] = asdict(model.identity)
    response["timings_ms"] = {stage: round(value, 3) for stage, value in timings_ms.items()}
    return response


def _prepare(body: bytes, model: LoadedModel, settings: Settings, submitted: float) -> Prepared:
    started = perf_counter()
    content = parse_object(body)
    task, runner = choose_task(content, model)
    request = task.parse(content, settings)
    parse_ms = (perf_counter() - started) * 1000
    return Prepared(task, runner, request, runner.prepare(request), (started - submitted) * 1000, parse_ms)


async def _followed(
    prepared: Prepared, done: Done, submit: Submit, request: Request, decoders: anyio.CapacityLimiter
) -> Done:
    """The outcome with what follow-ups add to it. The first that the model has no room for leaves it as it is."""
    runner = prepared.runner
    if not isinstance(runner, FollowingRunner):
        return done
    asked, latest = prepared.request, done.value
    while (more := runner.follow_up(asked, latest)) is not None:
        try:
            inputs = await anyio.to_thread.run_sync(more.runner.prepare, more.request, limiter=decoders)
            later = await _outcome(submit(more.runner, inputs), request)
        except EndpointError as error:
            if error.code not in NO_ROOM:
                raise
            log("follow_up_left_out", logging.WARNING, code=error.code)
            break
        asked, latest = more.request, later.value
        done = Done(runner.joined(done.value, latest), done.queue_ms + later.queue_ms)
    return done


async def _outcome(future: Future[Done], request: Request) -> Done:
    """Wait for the model, but not for a caller who left: their job, if still in line, is taken out of it."""
    answer: asyncio.Future[Done] = asyncio.wrap_future(future)
    gone = asyncio.create_task(_disconnected(request))
    try:
        either: set[asyncio.Future[Any]] = {answer, gone}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise ClientGone
        return answer.result()
    finally:
        gone.cancel()
        # Cancelling the wrapper cancels a job that still waits; one that runs finishes for nobody.
        answer.cancel()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
