"""What is measured on a GPU: inspections that come together, alone, and the old way, each against the roofline."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch

from benchmarks import roofline
from benchmarks.batcher import Batcher
from benchmarks.figures import median
from benchmarks.generating import generate, json_prompt
from benchmarks.random_internvl import PHOTO_PX, inspections, inspector, random_model
from benchmarks.roofline import Counts, Phase, Rates
from benchmarks.shapes import CONFIDENT_TOKENS, INTERNVL3_2B, INTERNVL3_8B, PLAIN_TOKENS, TINY, Shape
from models.errors import EndpointError
from models.inspection import Inspection, InspectionResult
from models.internvl.inspector import InternVLInspector, PreparedInspection

SHAPES = {"8B": INTERNVL3_8B, "2B": INTERNVL3_2B, "tiny": TINY}
PHOTOS = 6
CACHE_BYTES = 256 * 1024 * 1024
# Grids up to this number of tiles make that number of tiles of a photo of PHOTO_PX.
GRID = {1: 1, 3: 2}


@dataclass(frozen=True)
class Host:
    """The device and what it was just measured to do."""

    device: torch.device
    dtype: torch.dtype
    name: str
    rates: Rates

    @classmethod
    def at_hand(cls, device_name: str) -> "Host":
        """Raises SystemExit where there is no such device."""
        if device_name == "cuda" and not torch.cuda.is_available():
            raise SystemExit("There is no CUDA device; --device cpu --shape tiny tries the script without one.")
        device = torch.device(device_name)
        dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
        return cls(device, dtype, name, roofline.measured_rates(device, dtype))

    def told(self) -> str:
        return (
            f"{self.name}: matrix products at {self.rates.flop / 1e12:.3g} TFLOP/s and copies at "
            f"{self.rates.bytes / 1e9:.0f} GB/s measured, {str(self.dtype).removeprefix('torch.')}, "
            f"torch {torch.__version__}"
        )


@dataclass(frozen=True)
class Row:
    """One line of the plan; `answer_tokens` 0 is the engine, else what `generate` writes."""

    tiles: int
    at_once: int
    answer_tokens: int = 0

    def __str__(self) -> str:
        way = f"generate {self.answer_tokens} tokens" if self.answer_tokens else f"engine, {self.at_once} at once"
        return f"{PHOTOS} photos of {self.tiles} {'tile' if self.tiles == 1 else 'tiles'}, {way}"


# The most important first.
PLAN = (
    Row(3, 15),
    Row(3, 1, PLAIN_TOKENS),
    Row(3, 1),
    Row(3, 1, CONFIDENT_TOKENS),
    Row(1, 15),
    Row(1, 1, PLAIN_TOKENS),
    Row(1, 1),
    Row(3, 32),
    Row(1, 32),
)


@dataclass(frozen=True)
class Result:
    """`whole_s` from JPEGs to the last answer, `model_s` without decoding; the floors are for the model alone."""

    model: str
    row: Row
    whole_s: float
    model_s: float
    floor_s: float
    vendor_floor_s: float | None
    memory_bytes: int

    @property
    def a_minute(self) -> float:
        return 60 * self.row.at_once / self.whole_s


def measure(
    host: Host, name: str, shape: Shape, plan: Sequence[Row], repeats: int, deadline: float
) -> tuple[list[Result], list[str]]:
    """The rows of the plan that fit before `deadline` (on perf_counter's clock), and those that did not."""
    results: list[Result] = []
    dropped: list[str] = []
    began = time.perf_counter()
    model = random_model(shape, host.device, host.dtype)
    runners = {tiles: inspector(model, shape, CACHE_BYTES, GRID[tiles]) for tiles in GRID}
    streams = {tiles: inspections(PHOTOS, repeated=False, size_px=PHOTO_PX[tiles]) for tiles in GRID}
    print(f"{name}: weights drawn in {time.perf_counter() - began:.1f} s", flush=True)
    longest_s = 0.0
    for row in plan:
        began = time.perf_counter()
        # No row takes longer than the longest so far by more than its batch is larger than any before.
        if began + longest_s * (2 if row.at_once > 15 else 1) > deadline:
            dropped.append(f"{name}, {row}")
            continue
        try:
            results.append(one_row(host, name, shape, row, runners[row.tiles], streams[row.tiles], repeats))
        except (EndpointError, torch.OutOfMemoryError) as error:
            dropped.append(f"{name}, {row} ({type(error).__name__})")
            continue
        longest_s = max(longest_s, time.perf_counter() - began)
        print(f"{name}, {row}: {results[-1].whole_s:.3g} s", flush=True)
    return results, dropped


def one_row(
    host: Host,
    name: str,
    shape: Shape,
    row: Row,
    runner: InternVLInspector,
    stream: Iterator[Inspection],
    repeats: int,
) -> Result:
    """The whole way and the model's part of it, in turns, each time with photos that were never seen."""
    together = old_way if row.answer_tokens else engine

    def prepared() -> list[PreparedInspection]:
        with ThreadPoolExecutor() as decoders:
            return list(decoders.map(runner.prepare, [next(stream) for _ in range(row.at_once)]))

    def run(batch: Sequence[PreparedInspection]) -> object:
        if row.answer_tokens:
            return generate(runner, batch, row.answer_tokens)
        return runner.run_batch(batch)

    run(prepared())
    if host.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(host.device)
    whole_s, model_s = [], []
    for _ in range(repeats):
        batch = prepared()
        model_s.append(timed(host, lambda batch=batch: run(batch)))  # type: ignore[misc]
        requests = [next(stream) for _ in range(row.at_once)]
        whole_s.append(timed(host, lambda requests=requests: together(runner, requests, row.answer_tokens)))  # type: ignore[misc]
    phases = work(shape, runner, batch, row.answer_tokens, host.dtype.itemsize)
    vendor = roofline.vendor_rates(host.name)
    return Result(
        name,
        row,
        median(whole_s),
        median(model_s),
        roofline.seconds(phases, host.rates),
        roofline.seconds(phases, vendor) if vendor else None,
        torch.cuda.max_memory_allocated(host.device) if host.device.type == "cuda" else 0,
    )


def engine(runner: InternVLInspector, requests: Sequence[Inspection], _: int) -> None:
    """All come at once: decoded by as many threads as there are cores, scored in batches of what is ready."""
    batcher: Batcher[PreparedInspection, InspectionResult] = Batcher(runner.run_batch, most=len(requests))
    with ThreadPoolExecutor() as decoders:
        waiting = [decoders.submit(lambda one: batcher.submit(runner.prepare(one)), request) for request in requests]
        for future in waiting:
            future.result().result()
    batcher.close()


def old_way(runner: InternVLInspector, requests: Sequence[Inspection], tokens: int) -> None:
    """One after the other, from the photos to the last token."""
    for request in requests:
        generate(runner, [runner.prepare(request)], tokens)


def work(
    shape: Shape, runner: InternVLInspector, batch: Sequence[PreparedInspection], tokens: int, value_bytes: int
) -> list[Phase]:
    """What the model has to do for a batch at least; the engine has the checklist's prefix from before."""
    if tokens:
        prompts = [(one.tiles, len(json_prompt(runner, one))) for one in batch]
        return [
            phase
            for tiles, prompt in prompts
            for phase in roofline.generating(shape, tiles, prompt, tokens, value_bytes)
        ]
    counts = [
        Counts(
            one.tiles,
            len(one.prompt.prefix),
            tuple(len(question.suffix) for question in one.prompt.questions),
            one.prompt.shared,
        )
        for one in batch
    ]
    return roofline.scoring(shape, counts, value_bytes)


def timed(host: Host, do: Callable[[], object]) -> float:
    started = time.perf_counter()
    do()
    if host.device.type == "cuda":
        torch.cuda.synchronize(host.device)
    return time.perf_counter() - started


def table(results: Sequence[Result]) -> list[dict[str, Any]]:
    """A row a result; the engine is compared with the shorter of the written answers."""
    old = {(one.model, one.row.tiles): one.a_minute for one in results if one.row.answer_tokens == PLAIN_TOKENS}
    rows = []
    for one in results:
        base = old.get((one.model, one.row.tiles))
        vendor = f"{100 * one.vendor_floor_s / one.model_s:.0f} %" if one.vendor_floor_s else ""
        rows.append(
            {
                "model": one.model,
                "work": str(one.row),
                "s in all": round(one.whole_s, 3),
                "s in the model": round(one.model_s, 3),
                "a minute": one.a_minute,
                "× generate": f"{one.a_minute / base:.1f}" if base else "",
                "of the roofline": f"{100 * one.floor_s / one.model_s:.0f} %",
                "of the data sheet's": vendor,
                "peak GiB": one.memory_bytes / 2**30,
            }
        )
    return rows
