"""`scrutineer batch`: many inspections by one manifest."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from scrutineer.batch_client import BatchClient
from scrutineer.cli.administration import AsJson, show_json
from scrutineer.cli.console import err, out
from scrutineer.cli.gateway_address import Key, Url, gateway_address
from scrutineer.cli.tables import show_record, show_rows

app = typer.Typer(help="Many inspections by one manifest of JSON Lines.", no_args_is_help=True)
COLUMNS = (
    ("Batch", "id"),
    ("Name", "name"),
    ("State", "state"),
    ("Lines", lambda batch: batch["counts"]["lines"]),
    ("Refused", lambda batch: batch["counts"]["refused"]),
    ("Final", lambda batch: batch["counts"]["final"]),
    ("Done", lambda batch: f"{batch['progress']:.0%}"),
    ("Created", "created_at"),
    ("Finished", "finished_at"),
)
ITEM_COLUMNS = (
    ("Line", "line"),
    ("Your id", "custom_id"),
    ("Inspection", "inspection_id"),
    ("State", "state"),
    ("Code", "code"),
    ("Detail", "detail"),
)
CANCELLED = 6
BatchId = Annotated[str, typer.Argument(metavar="BATCH", help="The batch's id.")]


@app.command("submit")
def submit(
    file: Annotated[
        Path, typer.Argument(help="The manifest: an inspection a line, as JSON.", exists=True, dir_okay=False)
    ],
    name: Annotated[str | None, typer.Option(help="Your own name for the batch.")] = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option(help="The same key again leads to the same batch. By default made from the name and the file."),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Stay until the batch has come to its end.")] = False,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Hand in a manifest. A photo may be `{"path": FILE}`, from the manifest's folder. With --wait the exit code is 0
    for a finished batch and 6 for one that was cancelled."""
    found = gateway_address(url, key)
    sent_as = idempotency_key or key_of(name, file)
    with BatchClient(found.url, found.key) as client:
        with err.status("Sending the manifest and its photos …"):
            batch = client.submit(client.read_manifest(file), name=name, idempotency_key=sent_as)
        if wait:
            err.print(f"{batch['id']} is accepted.", markup=False)
            batch = _wait(client, batch["id"])
    _show(batch, as_json=as_json)
    if wait and batch["state"] == "cancelled":
        raise typer.Exit(CANCELLED)


@app.command("list")
def list_batches(
    limit: Annotated[int, typer.Option(help="The newest so many.", min=1)] = 20,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """List batches, newest first."""
    found = gateway_address(url, key)
    with BatchClient(found.url, found.key) as client:
        batches = [batch for batch, _ in zip(client.batches(), range(limit), strict=False)]
    if as_json:
        show_json({"batches": batches})
    else:
        show_rows(out, batches, COLUMNS, none="There are no batches.")


@app.command("show")
def show_batch(batch_id: BatchId, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Show one batch: its state and its counts."""
    found = gateway_address(url, key)
    with BatchClient(found.url, found.key) as client:
        batch = client.batch(batch_id)
    _show(batch, as_json=as_json)


@app.command("items")
def items(
    batch_id: BatchId,
    state: Annotated[
        str | None, typer.Option(help="Only lines in this state: an inspection's, or refused.", metavar="STATE")
    ] = None,
    url: Url = None,
    key: Key = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the items as JSON, one a line.")] = False,
) -> None:
    """Show what has become of a batch's lines."""
    found = gateway_address(url, key)
    with BatchClient(found.url, found.key) as client:
        if as_json:
            for item in client.items(batch_id, state):
                out.print(json.dumps(item), markup=False, soft_wrap=True)
        else:
            show_rows(out, client.items(batch_id, state), ITEM_COLUMNS, none="There are no such lines.")


@app.command("cancel")
def cancel(batch_id: BatchId, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Cancel what is not final of a batch."""
    found = gateway_address(url, key)
    with BatchClient(found.url, found.key) as client:
        batch = client.cancel(batch_id)
    _show(batch, as_json=as_json)


@app.command("results")
def results(
    batch_id: BatchId,
    to: Annotated[Path, typer.Option("--out", help="The folder for the files.", file_okay=False)] = Path(),
    url: Url = None,
    key: Key = None,
) -> None:
    """Fetch a batch's results: every inspection whole as JSON Lines, and a table as CSV."""
    found = gateway_address(url, key)
    with BatchClient(found.url, found.key) as client, err.status("Fetching the results …"):
        paths = client.download(batch_id, to)
    for path in paths:
        out.print(str(path), markup=False, soft_wrap=True)


def _wait(client: BatchClient, batch_id: str) -> dict[str, Any]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[refused]} refused"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err) as progress:
        bar = progress.add_task("accepted", total=None, refused=0)

        def looked(batch: dict[str, Any]) -> None:
            counts = batch["counts"]
            done = counts["final"] + counts["refused"]
            progress.update(
                bar,
                description=batch["state"],
                total=counts["lines"],
                completed=done,
                refused=counts["refused"],
            )

        return client.wait(batch_id, looked)


def key_of(name: str | None, file: Path) -> str:
    """The same file handed in twice is one batch, also where the first answer was lost on its way."""
    return "cli-" + hashlib.sha256(f"{name or ''}\n".encode() + file.read_bytes()).hexdigest()


def _show(batch: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(batch)
    else:
        show_record(out, batch)
