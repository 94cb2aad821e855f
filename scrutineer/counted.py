"""What the functions have counted, read from logs in CloudWatch's embedded metric format: locally nobody else does."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Counted:
    """All values of one metric under one set of dimensions. `last` is the newest."""

    metric: str
    of: Mapping[str, str]
    unit: str
    times: int
    total: float
    last: float


def counted_in(logs: Path) -> list[Counted]:
    """By name, then by dimensions; lines that are none of these are passed over."""
    values: dict[tuple[str, tuple[tuple[str, str], ...], str], list[tuple[int, float]]] = {}
    for file in sorted(logs.glob("*.log")):
        for line in _embedded(file):
            moment = int(line["_aws"]["Timestamp"])
            for directive in line["_aws"]["CloudWatchMetrics"]:
                for names in directive["Dimensions"]:
                    of = tuple((name, str(line[name])) for name in names)
                    for metric in directive["Metrics"]:
                        found = values.setdefault((metric["Name"], of, metric["Unit"]), [])
                        found += [(moment, float(value)) for value in _each(line[metric["Name"]])]
    return [
        Counted(
            name, dict(of), unit, len(found), sum(value for _, value in found), max(found, key=lambda each: each[0])[1]
        )
        for (name, of, unit), found in sorted(values.items())
    ]


def _embedded(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(errors="replace") as lines:
        for line in lines:
            start = line.find('{"_aws"')
            if start >= 0:
                try:
                    yield json.loads(line[start:])
                except ValueError:  # a line that is just being written
                    continue


def _each(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
