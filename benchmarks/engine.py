"""The scoring engine against the old way, in one run on one random InternVL: inspections a minute and latencies.

The old way is one lock around everything: decode, then transformers' generate of 40 tokens, about a JSON answer. The
engine is the container's own model thread, decoders and task, without HTTP: first one request a batch, then requests
that wait together, then with both caches as well. One command, from the root of the repository:

    OMP_WAIT_POLICY=PASSIVE PYTHONPATH=functions:endpoint_container python -m benchmarks.engine --quick
"""

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch
from transformers import InternVLForConditionalGeneration

from benchmarks.random_internvl import Shape, inspections, inspector, random_model
from benchmarks.report import arguments, console, percentile, tell
from models.inspection import Inspection
from models.internvl.inspector import InternVLInspector
from server.health import Health
from server.line import BatchLimits
from server.metrics import Metrics
from server.settings import Settings
from server.worker import ModelWorker

ANSWER_TOKENS = 40
CACHE_BYTES = 256 * 1024 * 1024
QUICK = Shape(tile_px=224, vision_width=256, vision_layers=6, width=512, layers=8)
WHOLE = Shape(tile_px=336, vision_width=320, vision_layers=8, width=640, layers=8)
Inspect = Callable[[Inspection], object]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--quick", action="store_true", help="a smaller model, 3 photos, 3 s a measurement")
    parser.add_argument("--seconds", type=float, help="length of one measurement (6, quick 3)")
    parser.add_argument("--photos", type=int, help="photos an inspection (6, quick 3)")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 8, 15])
    for name in ("tile_px", "vision_width", "vision_layers", "width", "layers"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, help=f"quick {getattr(QUICK, name)}")
    parser.add_argument("--wait-ms", type=int, default=Settings.max_wait_ms)
    options = parser.parse_args()
    shape = QUICK if options.quick else WHOLE
    shape = Shape(**{name: getattr(options, name) or value for name, value in vars(shape).items()})
    seconds, photos = options.seconds or (3 if options.quick else 6), options.photos or (3 if options.quick else 6)

    model = random_model(shape)
    rows: list[dict[str, Any]] = []
    for repeated, concurrency in itertools.product((False, True), options.concurrency):
        rows += side_by_side(model, shape, photos, repeated, concurrency, seconds, options.wait_ms)
    told = {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "threads": torch.get_num_threads(),
    }
    tell(f"Inspections of {photos} photos, {seconds:g} s a row", rows, options.json, **vars(shape), **told)


def side_by_side(
    model: InternVLForConditionalGeneration,
    shape: Shape,
    photos: int,
    repeated: bool,
    concurrency: int,
    seconds: float,
    wait_ms: int,
) -> list[dict[str, Any]]:
    """A row a way, one right after the other: a busy machine slows them alike."""
    plain, caching = inspector(model, shape, 0), inspector(model, shape, CACHE_BYTES)
    ways = {
        "generate, one lock": old_way(plain),
        "scoring, one at a time": engine(plain, 0, wait_ms),
        "scoring, batches": engine(plain, Settings.max_batch_tokens, wait_ms),
        "scoring, batches, caches": engine(caching, Settings.max_batch_tokens, wait_ms),
    }
    rows: list[dict[str, Any]] = []
    for way, opened in ways.items():
        with opened as inspect:
            spent_s, wall_s = drive(inspect, inspections(photos, repeated), concurrency, seconds)
        a_minute = 60 * len(spent_s) / wall_s
        row = {
            "way": way,
            "photos": "repeated" if repeated else "fresh",
            "at once": concurrency,
            "inspections": len(spent_s),
            "a minute": a_minute,
            "p50 s": percentile(spent_s, 0.5),
            "p95 s": percentile(spent_s, 0.95),
        }
        rows.append({**row, "× generate": a_minute / rows[0]["a minute"] if rows else 1.0})
        console.print(f"{way}, {row['photos']}, {concurrency} at once: {a_minute:.1f} a minute")
    return rows


def drive(
    inspect: Inspect, requests: Iterator[Inspection], concurrency: int, seconds: float
) -> tuple[list[float], float]:
    """Seconds of each inspection, and of them all, with `concurrency` callers that always have one under way."""
    inspect(next(requests))
    spent_s: list[float] = []
    lock = threading.Lock()
    started = time.perf_counter()

    def caller() -> None:
        while time.perf_counter() - started < seconds:
            with lock:
                request = next(requests)
            sent = time.perf_counter()
            inspect(request)
            spent_s.append(time.perf_counter() - sent)

    with ThreadPoolExecutor(concurrency) as callers:
        for future in [callers.submit(caller) for _ in range(concurrency)]:
            future.result()
    return spent_s, time.perf_counter() - started


@contextmanager
def old_way(runner: InternVLInspector) -> Iterator[Inspect]:
    """One request at a time, from its photos to the last of its tokens."""
    lock, model = threading.Lock(), runner.model
    # transformers types `generate` for a class that its own models are not.
    untyped: Any = model

    @torch.inference_mode()
    def inspect(request: Inspection) -> object:
        with lock:
            prepared = runner.prepare(request)
            tiles = torch.cat([photo.tiles for photo in prepared.photos if photo.tiles is not None])
            ids = torch.tensor([prepared.prompt.prefix + prepared.prompt.questions[0].suffix])
            return untyped.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                pixel_values=runner.preprocessing.normalise(tiles, model.device, model.dtype),
                min_new_tokens=ANSWER_TOKENS,
                max_new_tokens=ANSWER_TOKENS,
                do_sample=False,
                pad_token_id=0,
            )

    yield inspect


@contextmanager
def engine(runner: InternVLInspector, batch_tokens: int, wait_ms: int) -> Iterator[Inspect]:
    """The container's model thread with a place for every caller."""
    limits = BatchLimits(batch_tokens, Settings.max_batch_tiles, wait_ms / 1000 if batch_tokens else 0)
    worker = ModelWorker(lambda: Loaded(runner), Health(), Metrics(), 1000, limits)
    decoders = threading.Semaphore(max(1, len(os.sched_getaffinity(0)) // 2))
    worker.start()

    def inspect(request: Inspection) -> object:
        with worker.slot() as submit:
            with decoders:
                prepared = runner.prepare(request)
            return submit(runner, prepared).result()

    yield inspect
    worker.stop(timeout_s=60)


class Loaded:
    """The runner as a loaded model; random weights need no self-test."""

    def __init__(self, runner: InternVLInspector) -> None:
        self.identity = runner.identity
        self.tasks = {"inspect": runner}

    def self_test(self) -> None: ...


if __name__ == "__main__":
    main()
