"""From measured values to what is told: percentiles, medians and spreads, and tables in Markdown."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def percentile(values: Sequence[float], share: float) -> float:
    """By the nearest rank: the smallest value that at least `share` of all don't exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1)]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def spread(values: Sequence[float]) -> str:
    """The least and the most of repeated measurements."""
    return f"{cell(min(values))} to {cell(max(values))}"


def cell(value: Any) -> str:
    """A value as a table shows it."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.3g}" if abs(value) < 1 else f"{value:.1f}"


def markdown_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of equal keys; texts to the left, numbers to the right, padded to be read as plain text too."""
    names = list(rows[0])
    columns = [[name, *(cell(row[name]) for row in rows)] for name in names]
    widths = [max(3, *map(len, column)) for column in columns]
    left = [isinstance(rows[0][name], str) for name in names]

    def line(cells: Sequence[str]) -> str:
        padded = (
            text.ljust(width) if at_left else text.rjust(width)
            for text, width, at_left in zip(cells, widths, left, strict=True)
        )
        return f"| {' | '.join(padded)} |"

    rule = ["-" * width if at_left else "-" * (width - 1) + ":" for width, at_left in zip(widths, left, strict=True)]
    return "\n".join([line(names), line(rule), *(line(cells) for cells in list(zip(*columns, strict=True))[1:])])


def write_between(path: Path, name: str, text: str) -> None:
    """Put `text` between the markers `<!-- name -->` and `<!-- /name -->` ; ValueError unless both stand there."""
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, found, rest = path.read_text(encoding="utf-8").partition(start)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{path}: has no pair of markers {start} and {end}")
    path.write_text(f"{before}{start}\n{text}\n{end}{after}", encoding="utf-8")
