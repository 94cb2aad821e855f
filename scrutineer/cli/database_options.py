"""Which database a command is for: a deployed stack's, or one that is reached from here."""

from typing import Annotated, Literal

import typer

from scrutineer.errors import UserError

AtStack = Annotated[str | None, typer.Option("--stack", help="The deployed stack's name, such as scrutineer-prod.")]
AtDatabase = Annotated[
    str | None,
    typer.Option("--database", envvar="SCRUTINEER_DATABASE", help="mysql://user:password@host:port/name"),
]


def one_of(stack: str | None, database: str | None) -> Literal["stack", "database"]:
    """A stack that is named goes before a database in the environment. Raises UserError where neither is given."""
    if stack:
        return "stack"
    if not database:
        raise UserError("Give --stack NAME of a deployed stack, or --database (SCRUTINEER_DATABASE).")
    return "database"
