"""`scrutineer bootstrap`: the first admin of an installation, by somebody who may write to its database."""

import json
from typing import Annotated

import typer

from scrutineer.access import bootstrap as make_admin
from scrutineer.cli.console import err, out
from scrutineer.database_address import connect


def bootstrap(
    client: Annotated[str, typer.Option(help="Name of the client that the key is for; made if there is none.")],
    database: Annotated[str, typer.Option(envvar="SCRUTINEER_DATABASE", help="mysql://user:password@host:port/name")],
    plan: Annotated[str, typer.Option(help="The new client's usage plan.")] = "standard",
    force: Annotated[
        bool, typer.Option("--force", help="Even if there is an admin already, such as one whose key is lost.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Make a client with an admin's key, which is shown once. From then on `clients`, `keys` and so on do the rest."""
    with connect(database) as connection:
        new = make_admin(connection, client_name=client, plan=plan, force=force)
    if as_json:
        out.print_json(json.dumps({"client_id": new.client_id, "key_id": new.key_id, "key": new.key}))
        return
    out.print(f"Client: {new.client_id}\nKey id: {new.key_id}\nKey:    {new.key}", markup=False, soft_wrap=True)
    err.print("The key is not stored and can't be shown again.", style="yellow")
