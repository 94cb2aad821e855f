"""The ways to serve inspections that are compared, each a function that inspects one and may be called by many."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from benchmarks.batcher import Batcher
from benchmarks.engine.load import Inspect
from benchmarks.generating import generate
from models.inspection import Inspection
from models.internvl.inspector import InternVLInspector, PreparedInspection
from server.health import Health
from server.line import BatchLimits
from server.metrics import Metrics
from server.settings import Settings
from server.worker import ModelWorker

# As many as dynamic batching may join: more than any concurrency that is measured would join anyway.
MOST_JOINED = 32


@dataclass(frozen=True)
class Way:
    """`remembers`: repeated photos can be cheaper than fresh ones. `serial`: callers at once are no news to it."""

    name: str
    opened: Callable[[], AbstractContextManager[Inspect]]
    remembers: bool = False
    serial: bool = False
    scores: bool = False


@contextmanager
def one_lock(runner: InternVLInspector, tokens: int) -> Iterator[Inspect]:
    """The old way: from its photos to the last of its tokens, one request at a time."""
    lock = threading.Lock()

    def inspect(request: Inspection) -> object:
        with lock:
            return generate(runner, [runner.prepare(request)], tokens)

    yield inspect


@contextmanager
def joined(runner: InternVLInspector, tokens: int) -> Iterator[Inspect]:
    """Dynamic batching: what waits is padded and generated together, and whoever comes meanwhile waits."""
    batcher: Batcher[PreparedInspection, list[int]] = Batcher(
        lambda batch: generate(runner, batch, tokens), MOST_JOINED
    )
    decoders = threading.Semaphore(decode_threads())

    def inspect(request: Inspection) -> object:
        with decoders:
            prepared = runner.prepare(request)
        return batcher.submit(prepared).result()

    try:
        yield inspect
    finally:
        batcher.close()


@contextmanager
def scoring(
    runner: InternVLInspector, batch_tokens: int, wait_ms: int = Settings.max_wait_ms, decoding: int = 0
) -> Iterator[Inspect]:
    """The container's model thread with a place for every caller, without HTTP; 0 `batch_tokens` joins nobody."""
    limits = BatchLimits(batch_tokens, Settings.max_batch_tiles, wait_ms / 1000 if batch_tokens else 0)
    worker = ModelWorker(lambda: Loaded(runner), Health(), Metrics(), 1000, limits)
    decoders = threading.Semaphore(decoding or decode_threads())
    worker.start()

    def inspect(request: Inspection) -> object:
        with worker.slot() as submit:
            with decoders:
                prepared = runner.prepare(request)
            return submit(runner, prepared).future.result()

    try:
        yield inspect
    finally:
        worker.stop(timeout_s=60)


class Loaded:
    """The runner as a loaded model; random weights need no self-test."""

    def __init__(self, runner: InternVLInspector) -> None:
        self.identity = runner.identity
        self.tasks = {"inspect": runner}

    def self_test(self) -> None: ...


def decode_threads() -> int:
    """The server's own choice where none is set."""
    return max(1, len(os.sched_getaffinity(0)) // 2)
