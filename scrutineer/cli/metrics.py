"""`scrutineer metrics`: what the local stack's functions have counted, as the dashboard would show it in AWS."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from scrutineer import running_stack
from scrutineer.cli.console import out
from scrutineer.cli.tables import show_rows
from scrutineer.counted import counted_in
from scrutineer.errors import UserError


def metrics(
    logs: Annotated[Path | None, typer.Option(help="The stack's folder of logs; by default of the one here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    """Show what the local stack's functions have counted since it began (docs/operate.md tells what each means)."""
    if logs is None:
        running = running_stack.find()
        if running is None or not running.logs:
            raise UserError("Which logs? Give --logs, or start a stack here by `scrutineer up`.")
        logs = Path(running.logs)
    if not logs.is_dir():
        raise UserError(f"--logs: there is no folder {logs}.")
    found = [asdict(each) for each in counted_in(logs)]
    if as_json:
        out.print_json(json.dumps(found))
        return
    show_rows(
        out,
        found,
        [
            ("Metric", "metric"),
            ("Of", lambda row: ", ".join(row["of"].values())),
            ("Times", "times"),
            ("Sum", lambda row: round(row["total"], 1)),
            ("Last", lambda row: round(row["last"], 1)),
            ("Unit", "unit"),
        ],
        none="Nothing has been counted yet.",
    )
