"""Which ways a run compares, and what it concludes from its rows."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.engine.command import chosen, conclusions
from benchmarks.engine.load import Inspect
from benchmarks.engine.ways import Way

NAMES = ("old, long", "old, short", "vLLM", "scoring", "scoring, caches")


@contextmanager
def opened() -> Iterator[Inspect]:
    yield str


WAYS = [Way(name, opened) for name in NAMES]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (None, list(NAMES)),
        (["vllm"], ["old, long", "old, short", "vLLM"]),
        (["caches", "VLLM"], ["old, long", "old, short", "vLLM", "scoring, caches"]),
        (["old"], ["old, long", "old, short"]),
    ],
)
def test_what_all_are_compared_with_is_always_among_them(words, names):
    assert [way.name for way in chosen(WAYS, words)] == names


def test_a_word_that_no_way_has():
    with pytest.raises(SystemExit, match="--ways cashes: there is only old, long; old, short; vLLM"):
        chosen(WAYS, ["vllm", "cashes"])


def test_the_best_way_of_each_cell_is_named_with_what_it_gains():
    def row(way: str, at_once: int, a_minute: float, floor: str = "") -> dict[str, object]:
        ratios = {"× the first": a_minute / 10, "× the second": a_minute / 20, "p95 ×": 10 / a_minute}
        return {
            "way": way,
            "photos": "6 fresh",
            "at once": at_once,
            "a minute": a_minute,
            **ratios,
            "of the floor": floor,
        }

    rows = [row("old", 1, 10.0), row("new", 1, 40.0, "60 %"), row("old", 15, 10.0), row("new", 15, 5.0, "7 %")]
    assert conclusions(rows) == [
        "6 fresh photos, 1 at once: new, 4.0 × the first way, 2.0 × the second, p95 0.25 of the first's, "
        "60 % of the floor",
        "6 fresh photos, 15 at once: old, 1.0 × the first way, 0.5 × the second, p95 1.0 of the first's",
    ]
