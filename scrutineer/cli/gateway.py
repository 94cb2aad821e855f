"""`scrutineer gateway`: whether API Gateway's keys and usage plans are what our records say."""

from collections.abc import Sequence
from typing import Any

import typer

from scrutineer.cli.administration import AsJson, DryRun, show_json, signed_in
from scrutineer.cli.console import out
from scrutineer.cli.gateway_address import Key, Url
from scrutineer.cli.tables import show_rows

app = typer.Typer(help="API Gateway's keys and usage plans beside our records.", no_args_is_help=True)
DIFFERENCES = (("Record", "record"), ("Difference", "problem"))
MENDED = (*DIFFERENCES, ("Now", "now"))
DIFFERS = 3


@app.command("status")
def status(url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Show where API Gateway differs from our records. Exit code: 0 nowhere, 3 somewhere."""
    with signed_in(url, key) as admin:
        found = admin.gateway()
    if as_json:
        show_json(found)
    else:
        show_rows(out, found["differences"], DIFFERENCES, none="API Gateway holds what our records say.")
    _exit_with(found["differences"])


@app.command("mend")
def mend(dry_run: DryRun = False, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Bring API Gateway to what our records say. Exit code: 0 done, 3 something could not be mended."""
    with signed_in(url, key) as admin:
        answer = admin.mend_gateway(dry_run=dry_run)
    if as_json:
        show_json(answer)
    else:
        show_rows(out, _outcomes(answer), MENDED, none="Nothing to mend: API Gateway holds what our records say.")
    _exit_with(answer.get("left", []))


def _outcomes(answer: dict[str, Any]) -> list[dict[str, Any]]:
    if answer.get("dry_run"):
        return [{**each, "now": "would be mended"} for each in answer["before"]["differences"]]
    mended = [{**each, "now": "mended"} for each in answer["mended"]]
    return mended + [{**each, "now": "not mended"} for each in answer["left"]]


def _exit_with(differences: Sequence[Any]) -> None:
    if differences:
        raise typer.Exit(DIFFERS)
