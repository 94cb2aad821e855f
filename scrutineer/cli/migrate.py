"""`scrutineer migrate`: bring a database's tables up to date."""

import json
from typing import Annotated

import typer

from scrutineer.cli.console import err, out
from scrutineer.cli.database_options import AtDatabase, AtStack, one_of
from scrutineer.database_address import parse, reached
from scrutineer.local.settings import ROOT
from scrutineer.migrations import apply_migrations
from scrutineer.operator import ask


def migrate(
    stack: AtStack = None,
    database: AtDatabase = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Apply the numbered files of database/ that were not applied yet, in order.

    A deployment does it by itself. With --stack it is done once more, by the deployed function with the files it was
    deployed with; with --database by this machine with its own.
    """
    if one_of(stack, database) == "stack":
        err.print("  … the function may take minutes", style="dim")
        applied = ask(str(stack), {"migrate": {}})["applied"]
    else:
        with reached():
            applied = apply_migrations(parse(str(database)), ROOT / "database")
    if as_json:
        out.print_json(json.dumps({"applied": applied}))
        return
    out.print("\n".join(applied) if applied else "Nothing to do: the tables are up to date.", markup=False)
