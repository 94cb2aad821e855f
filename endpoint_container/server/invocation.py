"""The way of one request through the server: read, admit, prepare, run, tell, render."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import anyio
import anyio.to_thread
from fastapi import Request

from models.errors import EndpointError
from models.interface import FollowingRunner, FollowUp, LoadedModel, TaskRunner
from models.writing import ExplainingRunner, StreamingRunner, Teller
from server.body import parse_object, read_body
from server.line import Done, Job, Progress
from server.log import log
from server.settings import Settings
from server.tasks import Task, choose_task
from server.worker import ModelWorker, Submit

# Why a model may refuse a larger form of a request that it has answered.
NO_ROOM = frozenset({"prompt_too_long", "out_of_memory"})


class ClientGone(Exception):
    """The caller hung up before the answer was there."""


@dataclass(frozen=True)
class Part:
    """Something to tell a caller who listens, before the answer is whole."""

    content: Mapping[str, object]


@dataclass(frozen=True)
class Answer:
    """The whole response; always the last thing that comes of an invocation."""

    content: dict[str, Any]


@dataclass(frozen=True)
class Prepared:
    """A request in the model's terms: `request` is the task's own type, `inputs` the runner's.

    `tell` makes the parts of a streamed answer; None where the caller waits for the whole.
    """

    task: Task
    runner: TaskRunner[Any, Any, Any]
    request: Any
    inputs: Any
    tell: Teller | None
    queue_ms: float
    parse_ms: float


async def invoke(
    request: Request, worker: ModelWorker, settings: Settings, decoders: anyio.CapacityLimiter
) -> AsyncGenerator[Part | Answer, None]:
    """The parts of an invocation that is streamed, and its answer; `decoders` bounds how many decode photos at once.

    Raises EndpointError, or ClientGone. Closing it early gives up the request.
    """
    started = perf_counter()
    body = await read_body(request, settings.max_body_bytes)
    model = worker.model
    with worker.slot() as submit:
        prepared = await anyio.to_thread.run_sync(_prepare, body, model, settings, perf_counter(), limiter=decoders)
        done: Done | None = None
        async with aclosing(_told(prepared, submit, request)) as told:
            async for event in told:
                if isinstance(event, Part):
                    yield event
                else:
                    done = event
        assert done is not None
        done = await _followed(prepared, done, submit, request, decoders)
        done = await _explained(prepared, done, submit, request, decoders)
    response = prepared.task.render(prepared.request, done.value)
    timings_ms = {"queue": prepared.queue_ms + done.queue_ms, **done.value.timings_ms}
    timings_ms["decode"] = timings_ms.get("decode", 0.0) + prepared.parse_ms
    timings_ms["total"] = (perf_counter() - started) * 1000
    response["model"] = asdict(model.identity)
    response["timings_ms"] = {stage: round(value, 3) for stage, value in timings_ms.items()}
    yield Answer(response)


def _prepare(body: bytes, model: LoadedModel, settings: Settings, submitted: float) -> Prepared:
    started = perf_counter()
    content = parse_object(body)
    task, runner = choose_task(content, model)
    request = task.parse(content, settings)
    parse_ms = (perf_counter() - started) * 1000
    inputs = runner.prepare(request)
    # A task that has no such field has refused it.
    tell = runner.teller(inputs) if content.get("stream") is True and isinstance(runner, StreamingRunner) else None
    return Prepared(task, runner, request, inputs, tell, (started - submitted) * 1000, parse_ms)


async def _told(prepared: Prepared, submit: Submit, request: Request) -> AsyncGenerator[Part | Done, None]:
    """What the model thread tells of a job as it goes along, and its outcome."""
    tell, loop = prepared.tell, asyncio.get_running_loop()
    news: asyncio.Queue[Progress | None] = asyncio.Queue()

    def listen(progress: Progress) -> None:
        # The loop may have ended before the model thread hears that nobody listens.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(news.put_nowait, progress)

    job = submit(prepared.runner, prepared.inputs, None if tell is None else listen)
    outcome = asyncio.create_task(_outcome(job, request))
    outcome.add_done_callback(lambda _: news.put_nowait(None))
    try:
        while (progress := await news.get()) is not None:
            if tell is not None and (part := tell(progress.number, progress.tokens, progress.finished)):
                yield Part(part)
        yield await outcome
    finally:
        outcome.cancel()


async def _followed(
    prepared: Prepared, done: Done, submit: Submit, request: Request, decoders: anyio.CapacityLimiter
) -> Done:
    """The outcome with what follow-ups add to it. The first that the model has no room for leaves it as it is."""
    runner = prepared.runner
    if not isinstance(runner, FollowingRunner):
        return done
    asked, latest = prepared.request, done.value
    while (more := runner.follow_up(asked, latest)) is not None:
        if (later := await _done(more, submit, request, decoders)) is None:
            break
        asked, latest = more.request, later.value
        done = Done(runner.joined(done.value, latest), done.queue_ms + later.queue_ms)
    return done


async def _explained(
    prepared: Prepared, done: Done, submit: Submit, request: Request, decoders: anyio.CapacityLimiter
) -> Done:
    """The outcome with an explanation, where one was asked for and the model has room for it."""
    runner = prepared.runner
    if not isinstance(runner, ExplainingRunner) or (more := runner.explanation(prepared.request, done.value)) is None:
        return done
    if (later := await _done(more, submit, request, decoders)) is None:
        return done
    return Done(runner.explained(done.value, later.value), done.queue_ms + later.queue_ms)


async def _done(more: FollowUp, submit: Submit, request: Request, decoders: anyio.CapacityLimiter) -> Done | None:
    """The outcome of a follow-up, or None if the model has no room for it."""
    try:
        inputs = await anyio.to_thread.run_sync(more.runner.prepare, more.request, limiter=decoders)
        return await _outcome(submit(more.runner, inputs), request)
    except EndpointError as error:
        if error.code not in NO_ROOM:
            raise
        log("follow_up_left_out", logging.WARNING, code=error.code)
        return None


async def _outcome(job: Job, request: Request) -> Done:
    """Wait for the model, but not for a caller who left: their job is not done, or not to its end."""
    answer: asyncio.Future[Done] = asyncio.wrap_future(job.future)
    gone = asyncio.create_task(_disconnected(request))
    try:
        either: set[asyncio.Future[Any]] = {answer, gone}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise ClientGone
        return answer.result()
    finally:
        gone.cancel()
        answer.cancel()
        job.leave()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
