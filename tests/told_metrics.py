"""The table of metrics in docs/operate.md: what may be counted, by which functions or dimension."""

import re
from collections.abc import Mapping
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
    """A version may be any; here it is `*`."""
    named, _, values = of.rpartition(": ")
    first, *further = named.split(" and ") if named else ["service"]
    return {((first, value), *((name, "*") for name in further)) for value in re.findall(r"`([a-z]+)`", values)}


def counted_as(of: Mapping[str, str]) -> Dimensions:
    """The dimensions of a value that was counted, as the table has them."""
    return tuple((name, "*" if name == "version" else value) for name, value in of.items())
