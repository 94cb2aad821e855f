"""The long version: every scenario at length, one line each, and what did not hold.

    python -m tests.chaos [--inspections N] [--seed N] [--scenario NAME ...] [--json FILE] [--keep FOLDER]

Ends with 1 where an invariant or a promise was broken.
"""

import argparse
import json
import os
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

from rich.console import Console
from rich.table import Table

from scrutineer.local.database import Database as Server
from scrutineer.local.processes import Processes
from scrutineer.local.settings import default_cache
from tests.chaos.run import Report, run
from tests.chaos.scenarios import BY_NAME, SCENARIOS, seed_of
from tests.fakes.tables import empty, migrated

SMALLEST = 24
COLUMNS = (
    "accepted",
    "posts",
    "deliveries",
    "endpoint_calls",
    "swept",
    "killed",
    "dead_letters",
    "verdicts",
    "rejected",
    "cancelled",
    "errors",
    "duplicates",
    "losses",
    "took_s",
    "found",
)
# Sixteen columns: a log file is as wide as they need.
console = Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else 220)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__.splitlines()[0])
    parser.add_argument("--inspections", type=int, default=11_000, help="in all, shared by the scenarios")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scenario", action="append", choices=sorted(BY_NAME), help="only this; may be repeated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the histories here")
    options = parser.parse_args()
    chosen = [BY_NAME[name] for name in options.scenario] if options.scenario else list(SCENARIOS)
    each = max(SMALLEST, -(-options.inspections // len(chosen)))
    reports = []
    with tempfile.TemporaryDirectory(prefix="chaos-") as temporary, Processes() as processes:
        folder = options.keep or Path(temporary)
        server = Server(Path(temporary), cache=default_cache(), processes=processes, log_path=Path(temporary) / "log")
        server.start()
        tables = migrated(server.connection, server.application)
        for number, scenario in enumerate(chosen, start=1):
            console.print(f"{number}/{len(chosen)} {scenario.name}: {scenario.promise}")
            kept = folder / scenario.name
            kept.mkdir(parents=True, exist_ok=True)
            empty(server.connection, tables)
            # The functions' metrics are lines on standard output.
            with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
                report = run(scenario, server, kept, seed=seed_of(scenario, options.seed), inspections=each)
            reports.append(report)
            for found in report.found:
                console.print(f"  [red]{found}[/red]")
        server.kill()
    tell(reports)
    if options.json is not None:
        options.json.write_text(json.dumps([report.as_row() for report in reports], indent=1) + "\n")
    return any(report.found for report in reports)


def tell(reports: list[Report]) -> None:
    """A row each and their sum."""
    table = Table(title=f"{sum(report.accepted for report in reports)} inspections accepted", title_justify="left")
    table.add_column("scenario")
    for column in COLUMNS:
        table.add_column(column.replace("_", " "), justify="right")
    for report in reports:
        row = report.as_row()
        table.add_row(report.scenario, *(str(row[column]) for column in COLUMNS))
    sums = {column: round(sum(report.as_row()[column] for report in reports), 1) for column in COLUMNS}
    table.add_section()
    table.add_row("all", *(str(sums[column]) for column in COLUMNS))
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
