"""`scrutineer members`: people who sign in with a token, and machines in AWS that sign their requests."""

from typing import Annotated

import typer

from scrutineer.cli.administration import (
    AsJson,
    DryRun,
    OfClient,
    Yes,
    carry_out,
    own,
    show_answer,
    show_json,
    signed_in,
)
from scrutineer.cli.console import out
from scrutineer.cli.gateway_address import Key, Url
from scrutineer.cli.keys import ROLES
from scrutineer.cli.option_values import given
from scrutineer.cli.tables import show_rows
from scrutineer.errors import UserError

app = typer.Typer(help="Members: people with a JWT, and machines in AWS.", no_args_is_help=True)
COLUMNS = (
    ("Member", "member_id"),
    ("Name", "name"),
    ("Role", "role"),
    ("Issuer", "issuer"),
    ("Subject", "subject"),
    ("Since, UTC", "created_at"),
)
MemberId = Annotated[str, typer.Argument(metavar="MEMBER", help="The member's id.")]


@app.command("list")
def list_members(client: OfClient = None, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """List a client's members."""
    with signed_in(url, key) as admin:
        members = list(admin.members(own(admin, client)))
    if as_json:
        show_json({"members": members})
    else:
        show_rows(out, members, COLUMNS, none="This client has no members.")


@app.command("add")
def add_member(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call them.")],
    subject: Annotated[str, typer.Option(help="The token's `sub`; for a machine the ARN of its role or user.")],
    issuer: Annotated[str, typer.Option(help="The token's `iss`, an https address; for a machine in AWS: iam.")],
    role: Annotated[str, typer.Option(help=f"What they may do: {ROLES}")],
    client: OfClient = None,
    dry_run: DryRun = False,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Let a person or a machine act for a client."""
    content = given(name=name, issuer=issuer, subject=subject, role=role)
    with signed_in(url, key) as admin:
        show_answer(admin.add_member(own(admin, client), content, dry_run=dry_run), as_json=as_json)


@app.command("update")
def update_member(
    member_id: MemberId,
    name: Annotated[str | None, typer.Option(help="What people call them from now on.")] = None,
    role: Annotated[str | None, typer.Option(help=f"What they may do from now on: {ROLES}")] = None,
    client: OfClient = None,
    dry_run: DryRun = False,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Change a member's name or role."""
    changes = given(name=name, role=role)
    if not changes:
        raise UserError("What is to change? Give --name or --role.")
    with signed_in(url, key) as admin:
        show_answer(admin.update_member(own(admin, client), member_id, changes, dry_run=dry_run), as_json=as_json)


@app.command("remove")
def remove_member(
    member_id: MemberId,
    client: OfClient = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Remove a member: within a minute they are turned away."""
    with signed_in(url, key) as admin:
        client_id = own(admin, client)
        answer = carry_out(
            lambda dry: admin.remove_member(client_id, member_id, dry_run=dry),
            question=f"Remove the member {member_id}?",
            word="remove",
            yes=yes,
            dry_run=dry_run,
        )
    show_answer(answer, as_json=as_json)
