"""`scrutineer compare`: the same photos to two services, such as the one that is replaced and its replacement."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from scrutineer.cli.console import err, out
from scrutineer.cli.gateway_address import gateway_address
from scrutineer.cli.tables import show_rows
from scrutineer.comparison import (
    Case,
    Checklist,
    DirectService,
    GatewayService,
    Service,
    agreement,
    compared,
    is_direct,
    read_cases,
    read_checklist,
)
from scrutineer.errors import UserError
from scrutineer.local.settings import ROOT

DIFFERS = 3
QUESTIONS = (
    ("Question", "question"),
    ("Cases", "cases"),
    ("Same", "same"),
    ("Share", lambda row: f"{row['share']:.0%}"),
)
DIFFERENCES = (("Case", "case"), ("What", "what"), ("Old", "old"), ("New", "new"))
LATENCIES = (
    ("Service", "service"),
    ("Median s", lambda row: f"{row['median']:.2f}"),
    ("p95 s", lambda row: f"{row['p95']:.2f}"),
    ("Longest s", lambda row: f"{row['longest']:.2f}"),
)


def compare(
    old: Annotated[str, typer.Argument(metavar="OLD_URL", help="The service that is there.")],
    new: Annotated[str, typer.Argument(metavar="NEW_URL", help="The one that shall take its place.")],
    photos: Annotated[list[Path] | None, typer.Argument(help="The photos of one inspection.")] = None,
    item: Annotated[str | None, typer.Option(help="What was ordered, in words; with PHOTOS.")] = None,
    manifest: Annotated[
        Path | None, typer.Option(help="Many inspections, a line of JSON each, as for `scrutineer batch submit`.")
    ] = None,
    checklist: Annotated[str, typer.Option(help="The checklist to go by.")] = "reverse-pickup",
    repeat: Annotated[int, typer.Option(help="Ask each inspection so many times.", min=1, max=100)] = 1,
    key: Annotated[
        str | None, typer.Option(envvar="SCRUTINEER_API_KEY", help="The key of a gateway that is NEW_URL.")
    ] = None,
    old_key: Annotated[
        str | None, typer.Option(envvar="SCRUTINEER_OLD_API_KEY", help="The key of a gateway that is OLD_URL.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the agreement as JSON.")] = False,
) -> None:
    """Ask two services the same and tell where they agree, and how long each takes. An address that ends in
    /process_request or /invocations is a container's; any other is a gateway's. Exit code: 0 all the same, 3 not."""
    known = read_checklist(ROOT / "functions" / "checklists", checklist)
    cases = [case for case in _cases(photos or [], item, manifest) for _ in range(repeat)]
    first, second = _service(old, old_key, known), _service(new, key, known)
    with err.status("Asking …") as status:
        pairs = compared(
            cases, first, second, asked=lambda number: status.update(f"Asking both, {number} of {len(cases)} …")
        )
    found = agreement(pairs)
    if as_json:
        out.print_json(json.dumps(found))
    else:
        _show(found)
    if found["differences"]:
        raise typer.Exit(DIFFERS)


def _cases(photos: list[Path], item: str | None, manifest: Path | None) -> list[Case]:
    if (manifest is None) == (not photos):
        raise UserError("Give PHOTOS with --item, or --manifest.")
    if manifest is not None:
        return read_cases(manifest)
    if item is None:
        raise UserError("--item is missing: what was ordered, in words.")
    missing = next((photo for photo in photos if not photo.is_file()), None)
    if missing is not None:
        raise UserError(f"There is no file {missing}.")
    return [Case(photos[0].name, tuple(photos), {"description": item})]


def _service(url: str, key: str | None, checklist: Checklist) -> Service:
    if is_direct(url):
        if not url.startswith(("http://", "https://")):
            raise UserError(f"{url!r} is no http(s) address.")
        return DirectService(url, checklist)
    found = gateway_address(url, key)
    return GatewayService(found.url, found.key, checklist)


def _show(found: Mapping[str, Any]) -> None:
    unanswered = found["unanswered"]
    out.print(
        f"{found['cases']} asked; unanswered: {unanswered['old']} by the old service, {unanswered['new']} by the new\n",
        markup=False,
    )
    verdict = found["verdict"]
    rows = list(found["questions"])
    if verdict["cases"]:
        rows.append({"question": "passed or failed", **verdict})
    show_rows(out, rows, QUESTIONS, none="No question was answered by both.")
    if verdict["undecided"]:
        out.print(f"\nLeft undecided (review, or rejected photos): {verdict['undecided']}.", markup=False)
    out.print()
    show_rows(out, found["differences"], DIFFERENCES, none="They agree everywhere.")
    out.print()
    latencies = [
        {"service": name, **found["latency_s"][name]} for name in ("old", "new") if found["latency_s"][name] is not None
    ]
    show_rows(out, latencies, LATENCIES, none="")
