"""`scrutineer inspect`: send photos, show the verdict."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from scrutineer.cli.console import err, out
from scrutineer.cli.gateway_address import Key, Url, gateway_address
from scrutineer.cli.option_values import pairs
from scrutineer.client import Client
from scrutineer.photo_input import is_address
from scrutineer.report import show

EXIT_CODES = {"passed": 0, "failed": 3, "review": 4, "rejected": 5}
NOT_FINAL, ENDED_WITHOUT_VERDICT = 6, 7


def inspect(
    photos: Annotated[list[str], typer.Argument(help="The photos: files, or addresses (https://…, s3://…).")],
    item: Annotated[str, typer.Option(help="What was ordered, in words.")],
    checklist: Annotated[str, typer.Option(help="The checklist to go by.")] = "reverse-pickup",
    attribute: Annotated[
        list[str] | None, typer.Option(help="More on the item, as name=value; may be repeated.")
    ] = None,
    reference: Annotated[str | None, typer.Option(help="Your own name for it, such as a waybill.")] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(help="The same key again leads to the same inspection.")
    ] = None,
    expires_in: Annotated[
        int | None,
        typer.Option(help="Seconds until it ends as expired, unless it is final; a day if not said.", min=10),
    ] = None,
    wait: Annotated[int, typer.Option(help="Seconds to wait for the verdict; 0 returns at once.", min=0)] = 60,
    url: Url = None,
    key: Key = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the inspection as JSON.")] = False,
) -> None:
    """Have photos inspected. Exit code: 0 passed, 3 failed, 4 review, 5 rejected, 6 not final yet, 7 no verdict."""
    taken = [photo if is_address(photo) else _file(photo) for photo in photos]
    found = gateway_address(url, key)
    attributes = pairs(attribute, "--attribute")
    described = {"description": item, **({"attributes": attributes} if attributes else {})}
    with Client(found.url, found.key) as client, err.status("Sending the photos …") as status:
        inspection = client.inspect(
            taken,
            item=described,
            checklist=checklist,
            reference=reference,
            idempotency_key=idempotency_key,
            expires_in_s=expires_in,
            wait_s=wait,
            waiting=lambda state: status.update(f"Waiting for the verdict (now {state}) …"),
        )
    if as_json:
        out.print_json(json.dumps(inspection))
    else:
        show(out, inspection)
    raise typer.Exit(_exit_code(inspection))


def _file(name: str) -> Path:
    path = Path(name)
    if not path.is_file():
        raise typer.BadParameter(f"There is no file {name}.", param_hint="PHOTOS")
    return path


def _exit_code(inspection: dict[str, Any]) -> int:
    if not inspection["final"]:
        return NOT_FINAL
    return EXIT_CODES.get(inspection["state"], ENDED_WITHOUT_VERDICT)
