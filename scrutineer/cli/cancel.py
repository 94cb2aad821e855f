"""`scrutineer cancel`: end an inspection that nobody needs any more."""

import json
from typing import Annotated

import typer

from scrutineer.cli.console import out
from scrutineer.cli.gateway_address import Key, Url, gateway_address
from scrutineer.client import Client
from scrutineer.report import show


def cancel(
    inspection_id: Annotated[str, typer.Argument(metavar="INSPECTION_ID", help="The inspection.")],
    url: Url = None,
    key: Key = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the inspection as JSON.")] = False,
) -> None:
    """Cancel an inspection that is not final. One that was cancelled before is shown again, any other is refused."""
    found = gateway_address(url, key)
    with Client(found.url, found.key) as client:
        inspection = client.cancel(inspection_id)
    if as_json:
        out.print_json(json.dumps(inspection))
    else:
        show(out, inspection)
