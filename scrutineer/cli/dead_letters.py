"""`scrutineer dead-letters`: messages that a stage gave up, and back to their stage with them."""

from typing import Annotated, Any

import typer

from scrutineer.cli.administration import AsJson, DryRun, show_json, signed_in
from scrutineer.cli.console import out
from scrutineer.cli.gateway_address import Key, Url
from scrutineer.cli.option_values import given
from scrutineer.cli.tables import show_change, show_rows
from scrutineer.errors import UserError

app = typer.Typer(help="Messages that a stage gave up.", no_args_is_help=True)
COLUMNS = (
    ("Stage", "stage"),
    ("Message id", "message_id"),
    ("Inspection", "inspection_id"),
    ("Receives", "receives"),
    ("First sent, UTC", "first_sent_at"),
    ("Why", "why"),
)
STAGES = "precheck, invoke or format"


@app.command("list")
def list_dead_letters(
    stage: Annotated[str | None, typer.Option(help=f"Only those of {STAGES}.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many of each stage.", min=1, max=100)] = 20,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """List dead letters and why they are there: by their inspection, as it stands now."""
    with signed_in(url, key) as admin:
        found = admin.dead_letters(stage=stage, limit=limit)
    if as_json:
        show_json(found)
        return
    show_rows(out, found["dead_letters"], COLUMNS, none="There are no dead letters.")
    hidden = sum(queue["waiting"] for queue in found["queues"]) - len(found["dead_letters"])
    if hidden > 0:
        out.print(f"\nAnd about {hidden} more: --limit.", markup=False)


@app.command("redrive")
def redrive(
    stage: Annotated[str, typer.Argument(metavar="STAGE", help=f"Whose: {STAGES}.")],
    message_id: Annotated[str | None, typer.Argument(metavar="MESSAGE_ID", help="The one to send again.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Send all of the stage's again.")] = False,
    dry_run: DryRun = False,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Send one dead letter, or all of a stage, to the stage again. One that names no inspection stays where it is."""
    if (message_id is None) != every:
        raise UserError("Give the MESSAGE_ID of one, or --all.")
    content = given(stage=stage, message_id=message_id)
    with signed_in(url, key) as admin:
        answer = admin.redrive(content, dry_run=dry_run)
        if answer.get("dry_run"):
            show_json(answer) if as_json else show_change(out, answer)
            return
        sent = list(answer["inspection_ids"])
        while answer["more"] and answer["inspection_ids"]:
            answer = admin.redrive(content)
            sent += answer["inspection_ids"]
    _show({**answer, "inspection_ids": sent}, as_json=as_json)


def _show(done: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(done)
        return
    out.print(f"Sent again: {len(done['inspection_ids'])}.", markup=False)
    if done["kept"]:
        out.print(f"Left where they are, since they name no inspection: {done['kept']}.", markup=False)
    if done["more"]:
        out.print("There are more, which could not be sent now.", markup=False)
