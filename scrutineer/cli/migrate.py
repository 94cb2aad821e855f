"""`scrutineer migrate`: bring a database's tables up to date."""

from typing import Annotated

import typer

from scrutineer.cli.console import out
from scrutineer.database_address import parse, reached
from scrutineer.local.settings import ROOT
from scrutineer.migrations import apply_migrations


def migrate(
    database: Annotated[str, typer.Option(envvar="SCRUTINEER_DATABASE", help="mysql://user:password@host:port/name")],
) -> None:
    """Apply the numbered files of database/ that were not applied yet, in order."""
    with reached():
        applied = apply_migrations(parse(database), ROOT / "database")
    out.print("\n".join(applied) if applied else "Nothing to do: the tables are up to date.", markup=False)
