"""`scrutineer bootstrap`: the first admin of an installation, by somebody who may change its stack or its database."""

import json
from typing import Annotated

import typer

from scrutineer.cli.console import err, out
from scrutineer.cli.database_options import AtDatabase, AtStack, one_of
from scrutineer.database_address import parse
from scrutineer.first_admin import make_first_admin
from scrutineer.operator import ask


def bootstrap(
    client: Annotated[str, typer.Option(help="Name of the client that the key is for; made if there is none.")],
    stack: AtStack = None,
    database: AtDatabase = None,
    plan: Annotated[str, typer.Option(help="The new client's usage plan.")] = "standard",
    force: Annotated[
        bool, typer.Option("--force", help="Even if there is an admin already, such as one whose key is lost.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Make a client with an admin's key, which is shown once. From then on `clients`, `keys` and so on do the rest.

    With --stack the deployed function makes it, for whoever may invoke that function; no way to the database is needed.
    """
    wanted = {"client": client, "plan": plan, "force": force}
    if one_of(stack, database) == "stack":
        new = ask(str(stack), {"bootstrap": wanted})
    else:
        new = make_first_admin(parse(str(database)), wanted)
    if as_json:
        out.print_json(json.dumps({name: new[name] for name in ("client_id", "key_id", "key")}))
        return
    shown = f"Client: {new['client_id']}\nKey id: {new['key_id']}\nKey:    {new['key']}"
    out.print(shown, markup=False, soft_wrap=True)
    err.print("The key is not stored and can't be shown again.", style="yellow")
