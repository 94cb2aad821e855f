"""`scrutineer smoke`: after a deploy, one look at everything a client needs."""

import dataclasses
from typing import Annotated, Any

import typer

from scrutineer.cli.administration import AsJson, show_json
from scrutineer.cli.console import err, out
from scrutineer.cli.gateway_address import Key, Url, gateway_address
from scrutineer.cli.tables import show_rows
from scrutineer.local.settings import ROOT
from scrutineer.smoke import FAILED, Smoke

PHOTOS = sorted((ROOT / "events" / "photos").glob("red-shoe-good-*.jpg"))
COLUMNS = (("Check", "check"), ("Outcome", "outcome"), ("Seconds", "seconds"), ("Detail", "detail"))


def smoke(
    url: Url = None,
    key: Key = None,
    within: Annotated[
        int, typer.Option(help="Seconds until the first answer, and again until the verdict.", min=1)
    ] = 120,
    as_json: AsJson = False,
) -> None:
    """Look whether the service answers, refuses strangers, and comes to a verdict on real photos.

    Exit code: 0 all is well, 1 something is not. Outside the service hours the inspection is skipped.
    """
    found = gateway_address(url, key)
    with err.status("Looking …") as status:
        looked = Smoke(
            found.url, found.key, PHOTOS, within_s=within, waiting=lambda what: status.update(f"Looking: {what} …")
        )
        findings = [dataclasses.asdict(finding) for finding in looked.run()]
    failed = any(finding["outcome"] == FAILED for finding in findings)
    if as_json:
        answer: dict[str, Any] = {"ok": not failed, "url": found.url, "findings": findings}
        show_json(answer)
    else:
        show_rows(out, findings, COLUMNS, none="Nothing was looked at.")
    raise typer.Exit(1 if failed else 0)
