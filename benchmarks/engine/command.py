"""The scoring engine against other ways of serving the same random InternVL: inspections a minute and latencies.

Every way gets the same photos and the same weights, in turns, so that a machine that slows down slows them alike.
The old way writes a JSON object of the answers and their confidences, which is what scoring gives, and in a second row
the answers alone, as do the others that write.
"""

import argparse
import itertools
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.engine.comparison import Cell, Requests, arrivals_row, compare, cpu_rates, floors_s, rows
from benchmarks.engine.continuous import continuous
from benchmarks.engine.load import Inspect, Measured, poisson_arrivals
from benchmarks.engine.vllm_way import VllmFailed, vllm
from benchmarks.engine.ways import Way, joined, one_lock, scoring
from benchmarks.figures import cell as shown
from benchmarks.figures import markdown_table, write_between
from benchmarks.random_internvl import inspector, random_model
from benchmarks.report import arguments, console, show, tell
from benchmarks.shapes import CONFIDENT_TOKENS, PLAIN_TOKENS, QUICK, WHOLE, Shape
from models.internvl.inspector import InternVLInspector
from server.settings import Settings

DOCS = Path(__file__).parents[2] / "docs" / "performance.md"
VLLM_PYTHON = Path.home() / ".cache" / "scrutineer" / "vllm-cpu" / "bin" / "python"
CACHE_BYTES = 256 * 1024 * 1024
SEED = 7
SWEPT_WAIT_MS, SWEPT_DECODERS = (0, 5, 20, 50), (1, 2)


@dataclass(frozen=True)
class Bench:
    """The model twice, with and without caches."""

    shape: Shape
    plain: InternVLInspector
    caching: InternVLInspector


def run() -> None:
    options = parser().parse_args()
    bench = build(QUICK if options.quick else WHOLE)
    cells = [
        Cell(photos, repeated, concurrency)
        for photos, repeated, concurrency in itertools.product(
            options.photos or [3 if options.quick else 6],
            (False, True),
            options.concurrency or ([1, 4] if options.quick else [1, 15]),
        )
    ]
    repeats, seconds = options.repeats or (1 if options.quick else 3), options.seconds or (1 if options.quick else 4)
    vllm_python = options.vllm_python or (None if options.quick else VLLM_PYTHON)
    most_photos = max(cell.photos for cell in cells)
    ways = swept(bench) if options.sweep else chosen(compared(bench, most_photos, vllm_python), options.ways)
    measured: dict[Cell, dict[Way, list[Measured]]] = {}
    open_rows: list[dict[str, Any]] = []
    rates, requests = [cpu_rates()], Requests()
    with opening(ways) as opened:
        for cell in cells:
            measured[cell] = compare(opened, requests, cell, repeats, seconds)
            rates.append(cpu_rates())
        if options.open_loop:
            arrivals_s = poisson_arrivals(options.open_loop, options.open_s, SEED)
            stream = requests.stream(cells[0])
            open_rows = [
                arrivals_row(way, inspect, stream, arrivals_s, options.deadline_s) for way, inspect in opened.items()
            ]
    # Of all its measurements the fastest: what the cores do when nobody else wants them.
    flop_a_second = max(rate.flop for rate in rates)
    told = [
        row
        for cell, found in measured.items()
        for row in rows(found, cell, floors_s(ways, cell, bench.plain, bench.shape, flop_a_second))
    ]
    facts = facts_of(bench, flop_a_second)
    title = f"Medians of {repeats}, each at least {seconds:g} s and one inspection a caller"
    if open_rows:
        show(open_title(options), open_rows)
    tell(title, told, options.json, **facts, open_loop=open_rows)
    for line in conclusions(told):
        console.print(line)
    if options.write_docs:
        tables = [f"{title}. {sentence(facts)}", markdown_table(told)]
        if open_rows:
            tables += [f"{open_title(options)}:", markdown_table(open_rows)]
        place = "sweep" if options.sweep else "matrix" if options.ways else "engine"
        write_between(DOCS, place, "\n\n".join(tables))


def parser() -> argparse.ArgumentParser:
    known = arguments(__doc__)
    known.add_argument("--quick", action="store_true", help="a smaller model, fewer measurements: under a minute")
    known.add_argument("--concurrency", type=int, nargs="+", metavar="N", help="callers at once (1 15, quick 1 4)")
    known.add_argument("--photos", type=int, nargs="+", metavar="N", help="photos an inspection (6, quick 3)")
    known.add_argument("--repeats", type=int, help="measurements of each cell (3, quick 1)")
    known.add_argument("--seconds", type=float, help="shortest measurement (4, quick 1)")
    known.add_argument("--open-loop", type=float, metavar="A_MINUTE", help="also: Poisson arrivals at this rate")
    known.add_argument("--open-s", type=float, default=60, help="length of the arrivals (60)")
    known.add_argument("--deadline-s", type=float, default=29, help="an answer after this came too late (29)")
    known.add_argument("--vllm-python", type=Path, metavar="FILE", help="an environment's with vLLM (not in quick)")
    known.add_argument("--ways", nargs="+", metavar="WORD", help="of the ways but the first two, those named by a WORD")
    known.add_argument("--sweep", action="store_true", help="MAX_WAIT_MS and DECODE_THREADS instead of the ways")
    known.add_argument("--write-docs", action="store_true", help=f"write the tables into docs/{DOCS.name}")
    return known


def build(shape: Shape) -> Bench:
    model = random_model(shape, torch.device("cpu"), torch.float32)
    caching = inspector(model, shape, CACHE_BYTES)
    return Bench(shape, inspector(model, shape, 0), caching)


def compared(bench: Bench, photos: int, vllm_python: Path | None) -> list[Way]:
    def old(tokens: int) -> Way:
        return Way(f"generate {tokens} tokens, one lock", partial(one_lock, bench.plain, tokens), serial=True)

    ways = [
        old(CONFIDENT_TOKENS),
        old(PLAIN_TOKENS),
        Way(f"generate {PLAIN_TOKENS}, dynamic batches", partial(joined, bench.plain, PLAIN_TOKENS)),
        Way(f"transformers {PLAIN_TOKENS}, continuous batches", partial(continuous, bench.plain, PLAIN_TOKENS)),
        Way("scoring, one at a time", partial(scoring, bench.plain, 0), serial=True, scores=True),
        Way("scoring, batches", partial(scoring, bench.plain, Settings.max_batch_tokens), scores=True),
        Way(
            "scoring, batches, caches",
            partial(scoring, bench.caching, Settings.max_batch_tokens),
            remembers=True,
            scores=True,
        ),
    ]
    if vllm_python is None:
        return ways
    if vllm_python.exists():
        opened = partial(vllm, vllm_python, bench.plain, bench.shape, photos, PLAIN_TOKENS)
        ways.insert(4, Way(f"vLLM {PLAIN_TOKENS}", opened, remembers=True))
    else:
        console.print(f"Without vLLM: there is no {vllm_python}; docs/{DOCS.name} says how to make it.")
    return ways


def chosen(ways: Sequence[Way], words: Sequence[str] | None) -> list[Way]:
    """The first two, which the others are compared with, and those whose name has one of the words.

    Raises SystemExit for a word that no name has.
    """
    for word in words or ():
        if not any(word.lower() in way.name.lower() for way in ways):
            raise SystemExit(f"--ways {word}: there is only " + "; ".join(way.name for way in ways))
    return [
        way
        for number, way in enumerate(ways)
        if number < 2 or words is None or any(word.lower() in way.name.lower() for word in words)
    ]


def swept(bench: Bench) -> list[Way]:
    """The server's own settings first, for the others to be compared with."""
    first = (Settings.max_wait_ms, max(1, len(os.sched_getaffinity(0)) // 2))
    others = [pair for pair in itertools.product(SWEPT_WAIT_MS, SWEPT_DECODERS) if pair != first]
    return [
        Way(
            f"MAX_WAIT_MS={wait_ms} DECODE_THREADS={decoders}",
            partial(scoring, bench.caching, Settings.max_batch_tokens, wait_ms, decoders),
            remembers=True,
            scores=True,
        )
        for wait_ms, decoders in (first, *others)
    ]


@contextmanager
def opening(ways: Sequence[Way]) -> Iterator[dict[Way, Inspect]]:
    """All of them at once, in order; idle ones take no time from the one that is measured."""
    with ExitStack() as stack:
        opened: dict[Way, Inspect] = {}
        for way in ways:
            try:
                opened[way] = stack.enter_context(way.opened())
            except VllmFailed as failure:
                console.print(f"Without vLLM, which did not start: {failure}")
        yield opened


def facts_of(bench: Bench, flop_a_second: float) -> dict[str, Any]:
    return {
        "parameters": sum(parameter.numel() for parameter in bench.plain.model.parameters()),
        "threads": torch.get_num_threads(),
        "gflop_a_second": flop_a_second / 1e9,
        "shape": vars(bench.shape),
    }


def conclusions(told: Sequence[dict[str, Any]]) -> list[str]:
    """A line for each cell: its best way by inspections a minute, beside the first."""
    best: dict[tuple[str, int], dict[str, Any]] = {}
    for row in told:
        key = (row["photos"], row["at once"])
        best[key] = max(best.get(key, row), row, key=lambda one: float(one["a minute"]))
    return [
        f"{photos} photos, {at_once} at once: {row['way']}, {shown(row['× the first'])} × the first way, "
        f"{shown(row['× the second'])} × the second, p95 {shown(row['p95 ×'])} of the first's"
        + (f", {row['of the floor']} of the floor" if row["of the floor"] else "")
        for (photos, at_once), row in best.items()
    ]


def sentence(facts: dict[str, Any]) -> str:
    return (
        f"{facts['parameters'] / 1e6:.0f} million parameters in float32, {facts['threads']} threads whose matrix "
        f"products reach {shown(facts['gflop_a_second'])} GFLOP/s."
    )


def open_title(options: argparse.Namespace) -> str:
    return f"Poisson arrivals, {options.open_loop:g} a minute for {options.open_s:g} s"
