"""`scrutineer usage`: what a client has asked for, and what is left of its plan."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.bar import Bar
from rich.console import Console
from rich.table import Table

from scrutineer.cli.administration import AsJson, OfClient, own, show_json, signed_in
from scrutineer.cli.console import out
from scrutineer.cli.gateway_address import Key, Url
from scrutineer.cli.tables import NOTHING, printable, show_record, show_whole

app = typer.Typer(help="What clients use.", no_args_is_help=True)
BAR_WIDTH = 40


@app.callback()
def _usage() -> None:
    """Keeps `show` a subcommand while it is the only one."""


@app.command("show")
def show_usage(
    client: OfClient = None,
    first: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="The first day (UTC), included."),
    ] = None,
    last: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="The last day (UTC), included."),
    ] = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Show what a client has used, today, this month and day by day. What was refunded does not count."""
    with signed_in(url, key) as admin:
        usage = admin.usage(own(admin, client), first_day=_day(first), last_day=_day(last))
    if as_json:
        show_json(usage)
    else:
        show(out, usage)


def show(console: Console, usage: Mapping[str, Any]) -> None:
    """The sums as lines, the days as bars."""
    show_record(console, {name: value for name, value in usage.items() if name != "days"})
    console.print()
    if usage["days"]:
        show_whole(console, _days(usage["days"]))
    else:
        console.print("Nothing was asked for on these days.")


def _days(days: Sequence[Mapping[str, Any]]) -> Table:
    """A line a day and task; the bar is what counts towards the quota."""
    most = max(day["accepted"] for day in days) or 1
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("Day, UTC", "Task"):
        table.add_column(heading, no_wrap=True)
    for heading in ("Accepted", "Refunded", "Counted"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", width=BAR_WIDTH)
    for day in days:
        counted = day["accepted"] - day["refunded"]
        table.add_row(
            printable(day["day"]),
            printable(day["task"]),
            f"{day['accepted']:,}",
            f"{day['refunded']:,}" if day["refunded"] else NOTHING,
            f"{counted:,}",
            Bar(most, 0, counted, width=BAR_WIDTH, color="green"),
        )
    return table


def _day(moment: datetime | None) -> str | None:
    return moment.date().isoformat() if moment is not None else None
