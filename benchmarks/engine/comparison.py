"""Ways side by side: each measured in turn, again and again, so that a machine's moods fall on them alike."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from benchmarks import roofline
from benchmarks.engine.load import Inspect, Measured, closed_loop, open_loop
from benchmarks.engine.ways import Way
from benchmarks.figures import median, percentile, spread
from benchmarks.random_internvl import PHOTO_SETS, inspections
from benchmarks.report import console
from benchmarks.roofline import Counts, Rates
from benchmarks.shapes import Shape
from models.inspection import Inspection
from models.internvl.inspector import InternVLInspector


@dataclass(frozen=True)
class Cell:
    """What is the same for all ways that are compared."""

    photos: int
    repeated: bool
    concurrency: int


class Requests:
    """Inspections for all ways: a fresh photo is fresh for every one of them, whatever was measured before."""

    def __init__(self) -> None:
        self._streams: dict[tuple[int, bool], Iterator[Inspection]] = {}

    def stream(self, cell: Cell) -> Iterator[Inspection]:
        key = (cell.photos, cell.repeated)
        if key not in self._streams:
            self._streams[key] = inspections(*key)
        return self._streams[key]


def compare(
    opened: Mapping[Way, Inspect], requests: Requests, cell: Cell, repeats: int, seconds: float
) -> dict[Way, list[Measured]]:
    """`repeats` measurements a way. Repeated photos are news only to ways that remember, and the first two."""
    compared_with = list(opened)[:2]
    taking_part = [way for way in opened if way in compared_with or way.remembers or not cell.repeated]
    stream = requests.stream(cell)
    for way in taking_part:
        for _ in range(PHOTO_SETS if cell.repeated and way.remembers else 1):
            opened[way](next(stream))
        if not way.serial and cell.concurrency > 1:
            closed_loop(opened[way], stream, cell.concurrency, 0)
    measured: dict[Way, list[Measured]] = {way: [] for way in taking_part}
    for repeat in range(repeats):
        for way in taking_part:
            one = closed_loop(opened[way], stream, cell.concurrency, seconds)
            measured[way].append(one)
            kind = "repeated" if cell.repeated else "fresh"
            console.print(
                f"{repeat + 1}/{repeats}  {cell.photos} {kind} photos, {cell.concurrency} at once, "
                f"{way.name}: {one.a_minute:.1f} a minute"
            )
    return measured


def rows(measured: Mapping[Way, list[Measured]], cell: Cell, floors_s: Mapping[Way, float]) -> list[dict[str, Any]]:
    """A row a way; what is compared is compared with the first two: the old way with a long and a short answer."""
    rates = {way: median([one.a_minute for one in repeats]) for way, repeats in measured.items()}
    first, second = (list(rates.values()) * 2)[:2]
    told: list[dict[str, Any]] = []
    for way, repeats in measured.items():
        a_minute = rates[way]
        p50_s, p95_s = (median([percentile(one.spent_s, share) for one in repeats]) for share in (0.5, 0.95))
        told.append(
            {
                "way": way.name,
                "photos": f"{cell.photos} {'repeated' if cell.repeated else 'fresh'}",
                "at once": cell.concurrency,
                "a minute": a_minute,
                "least to most": spread([one.a_minute for one in repeats]),
                "p50 s": p50_s,
                "p95 s": p95_s,
                "× the first": a_minute / first,
                "× the second": a_minute / second,
                "p95 ×": p95_s / (told[0]["p95 s"] if told else p95_s),
                "of the floor": f"{100 * floors_s[way] * a_minute / 60:.0f} %" if way in floors_s else "",
            }
        )
    return told


def arrivals_row(
    way: Way, inspect: Inspect, stream: Iterator[Inspection], arrivals_s: list[float], deadline_s: float
) -> dict[str, Any]:
    """What those saw who came when they came."""
    inspect(next(stream))
    spent_s = open_loop(inspect, stream, arrivals_s).spent_s
    in_time = sum(one <= deadline_s for one in spent_s) / len(spent_s)
    return {
        "way": way.name,
        "arrived": len(spent_s),
        **{f"p{share * 100:.0f} s": percentile(spent_s, share) for share in (0.5, 0.95, 0.99)},
        f"within {deadline_s:g} s": f"{100 * in_time:.0f} %",
    }


def floors_s(
    ways: Sequence[Way], cell: Cell, runner: InternVLInspector, shape: Shape, flop_a_second: float
) -> dict[Way, float]:
    """Seconds that an inspection's products take at the rate of these cores, for the ways that score.

    A way that remembers has the checklist, and photos that come again, from before.
    """
    prepared = runner.prepare(next(inspections(cell.photos, repeated=True)))
    suffixes = tuple(len(question.suffix) for question in prepared.prompt.questions)

    def floor_s(way: Way) -> float:
        tiles = 0 if way.remembers and cell.repeated else prepared.tiles
        known = (prepared.prompt.shown if cell.repeated else prepared.prompt.shared) if way.remembers else 0
        counts = Counts(tiles, len(prepared.prompt.prefix), suffixes, known)
        return roofline.flop(roofline.scoring(shape, [counts], value_bytes=4)) / flop_a_second

    return {way: floor_s(way) for way in ways if way.scores}


def cpu_rates() -> Rates:
    return roofline.measured_rates(torch.device("cpu"), torch.float32)
