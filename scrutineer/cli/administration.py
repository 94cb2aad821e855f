"""What the commands of administration have in common: their options, their connection, and asking before harm."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from scrutineer.admin_client import AdminClient
from scrutineer.cli.console import err, out
from scrutineer.cli.gateway_address import gateway_address
from scrutineer.cli.tables import show_change, show_record
from scrutineer.errors import UserError

AsJson = Annotated[bool, typer.Option("--json", help="Print the gateway's answer as JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it without asking.")]
OfClient = Annotated[str | None, typer.Option("--client", help="The client's id; by default the key's own client.")]


@contextmanager
def signed_in(url: str | None, key: str | None) -> Iterator[AdminClient]:
    """The admin API, with a sign of life on a terminal while it is asked."""
    found = gateway_address(url, key)
    with AdminClient(found.url, found.key, waiting=lambda: err.status("Waiting for the gateway …")) as admin:
        yield admin
        if admin.gateway_pending:
            err.print(
                "Done. API Gateway's own records follow within five minutes, or by `scrutineer gateway mend`.",
                soft_wrap=True,
            )


def own(admin: AdminClient, client_id: str | None) -> str:
    """That client, or the one that the key belongs to."""
    return client_id if client_id is not None else str(admin.me()["client_id"])


def carry_out(
    change: Callable[[bool], dict[str, Any]], *, question: str, word: str, yes: bool, dry_run: bool
) -> dict[str, Any]:
    """What destroys: `change(True)` shows it, and `change(False)` does it once somebody has typed `word`.

    Raises UserError, with nothing changed, where nobody can be asked or the answer is another.
    """
    if dry_run:
        return change(True)
    if not yes:
        if not sys.stdin.isatty():
            raise UserError(f"{question} Nobody can be asked here: say --yes.")
        show_change(err, change(True))
        if _typed(f"{question} Type {word} to go on: ") != word:
            raise UserError("Nothing was changed.")
    return change(False)


def show_answer(answer: dict[str, Any], *, as_json: bool) -> None:
    """What a changing route answered: the thing as it is now, or in a dry run what would change."""
    if as_json:
        show_json(answer)
    elif answer.get("dry_run"):
        show_change(out, answer)
    elif answer:
        show_record(out, answer)
    else:
        out.print("Done.")


def show_json(answer: Any) -> None:
    """As JSON for other programs: whole, on as many lines as it takes."""
    out.print_json(json.dumps(answer))


def _typed(prompt: str) -> str:
    err.print(prompt, end="", markup=False, soft_wrap=True)
    try:
        return input().strip()
    except EOFError:
        return ""
