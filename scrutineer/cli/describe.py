"""`scrutineer describe`: what photos show, in words."""

import json
from pathlib import Path
from typing import Annotated

import typer

from scrutineer.cli.console import err, out
from scrutineer.cli.gateway_address import Key, Url, gateway_address
from scrutineer.cli.tables import printable, show_record
from scrutineer.client import Client
from scrutineer.errors import UserError


def describe(
    photos: Annotated[list[Path], typer.Argument(help="The photos, as files.", exists=True, dir_okay=False)],
    question: Annotated[str | None, typer.Option(help="What to answer about the photos.")] = None,
    report: Annotated[bool, typer.Option("--report", help="A product report: kind, colour, material …")] = False,
    url: Url = None,
    key: Key = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the description as JSON.")] = False,
) -> None:
    """Have photos described: a caption, the answer to a question, or a product report. A model wrote it."""
    if question is not None and report:
        raise UserError("Give --question or --report, not both.")
    found = gateway_address(url, key)
    with Client(found.url, found.key) as client, err.status("Waiting for the description …"):
        described = client.describe(photos, question=question, report=report)
    if as_json:
        out.print_json(json.dumps(described))
        return
    if described["report"] is not None:
        show_record(out, described["report"])
    else:
        lines = (described["text"] or "").splitlines() or ["(no words)"]
        out.print("\n".join(printable(line) for line in lines), markup=False, soft_wrap=True)
    if described["truncated"]:
        err.print("The text was cut off at the longest that is written.", style="yellow")
    model = described["model"]
    out.print(
        f"\n{model['name']} {model['version']}, {described['served_by']}", style="dim", markup=False, soft_wrap=True
    )
