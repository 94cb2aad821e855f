"""The table of metrics in docs/operate.md: what may be counted, by which functions or dimension."""

import re
from pathlib import Path

PAGE = (Path(__file__).parents[1] / "docs" / "operate.md").read_text()

Dimensions = tuple[tuple[str, str], ...]


def told_metrics() -> dict[str, set[Dimensions]]:
    """Each metric by its name, with every set of dimensions that it is counted under."""
    table = PAGE.partition("\n## Metrics\n")[2]
    return {
        name: _dimensions(of) for name, of in re.findall(r"^\| `([A-Za-z]+)` \| ([^|]+) \|", table, flags=re.MULTILINE)
    }


def _dimensions(of: str) -> set[Dimensions]:
    dimension, named, values = of.rpartition(": ")
    return {((dimension if named else "service", value),) for value in re.findall(r"`([a-z]+)`", values)}
