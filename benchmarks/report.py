"""How a benchmark tells what it measured: a table for people, JSON for machines."""

import argparse
import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.figures import cell
from benchmarks.figures import median as median
from benchmarks.figures import percentile as percentile

console = Console(highlight=False, width=110)


def arguments(description: str | None) -> argparse.ArgumentParser:
    """A parser that knows `--json FILE`; a benchmark adds its own."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    return parser


def tell(title: str, rows: Sequence[Mapping[str, Any]], json_file: Path | None, **more: Any) -> None:
    """Print `rows` (equal keys) as a table, and write them with `more` and the machine's name of itself."""
    show(title, rows)
    for name, value in more.items():
        console.print(f"{name.replace('_', ' ')}: {cell(value)}")
    if json_file is not None:
        machine = {"python": platform.python_version(), "machine": platform.machine()}
        json_file.write_text(json.dumps({"title": title, "rows": rows, **more, "on": machine}, indent=1) + "\n")


def show(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print `rows` (equal keys) as a table."""
    table = Table(title=title, title_justify="left")
    for name in rows[0]:
        table.add_column(name, justify="left" if isinstance(rows[0][name], str) else "right")
    for row in rows:
        table.add_row(*(cell(value) for value in row.values()))
    console.print(table)
