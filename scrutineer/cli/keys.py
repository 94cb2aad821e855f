"""`scrutineer keys`: who may ask."""

import json
from typing import Annotated

import typer

from scrutineer.access import create_client_with_key
from scrutineer.cli.console import err, out
from scrutineer.database_address import connect

app = typer.Typer(help="API keys.", no_args_is_help=True)


@app.callback()
def _keys() -> None:
    """Keeps `create` a subcommand while it is the only one."""


@app.command("create")
def create(
    client: Annotated[str, typer.Option(help="Name of the new client.")],
    database: Annotated[str, typer.Option(envvar="SCRUTINEER_DATABASE", help="mysql://user:password@host:port/name")],
    key_id: Annotated[str | None, typer.Option(help="The template's FirstClientKeyId, for the first key.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Create a client with its first key. The key is shown once: only its hash is stored."""
    with connect(database) as connection:
        new = create_client_with_key(connection, client_name=client, key_id=key_id)
    if as_json:
        out.print_json(json.dumps({"client_id": new.client_id, "key_id": new.key_id, "key": new.key}))
        return
    out.print(f"Client: {new.client_id}\nKey id: {new.key_id}\nKey:    {new.key}", markup=False, soft_wrap=True)
    err.print("The key is not stored and can't be shown again.", style="yellow")
