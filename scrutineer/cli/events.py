"""`scrutineer events`: what happened to an inspection, and what happens."""

import json
from typing import Annotated, Any

import typer

from scrutineer.cli.console import out
from scrutineer.cli.gateway_address import Key, Url, gateway_address
from scrutineer.cli.tables import printable, show_rows, utc_time
from scrutineer.client import Client

COLUMNS = (("Time, UTC", "at"), ("State", "state"), ("Code", "code"))


def events(
    inspection_id: Annotated[str, typer.Argument(metavar="INSPECTION_ID", help="The inspection.")],
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on until it is final, each event as it happens.")
    ] = False,
    url: Url = None,
    key: Key = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: with --follow a line an event.")] = False,
) -> None:
    """Show the states that an inspection reached, and when."""
    found = gateway_address(url, key)
    with Client(found.url, found.key) as client:
        if follow:
            for event in client.follow(inspection_id):
                _show_line(event, as_json=as_json)
            return
        listed = client.events(inspection_id)
    if as_json:
        out.print_json(json.dumps(listed))
    else:
        show_rows(out, listed["events"], COLUMNS, none="Nothing is known of what happened to it.")


def _show_line(event: dict[str, Any], *, as_json: bool) -> None:
    words = (utc_time(event["at"]), event["state"], event["code"] or "")
    line = json.dumps(event) if as_json else printable("  ".join(words).rstrip())
    out.print(line, markup=False, soft_wrap=True)
