"""`scrutineer embed`: texts and photos as vectors, and how near they are to each other."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from scrutineer.cli.console import err, out
from scrutineer.cli.gateway_address import Key, Url, gateway_address
from scrutineer.cli.tables import Column, show_rows
from scrutineer.client import Client
from scrutineer.errors import UserError


def embed(
    text: Annotated[list[str] | None, typer.Option(help="A text; may be repeated.")] = None,
    photo: Annotated[
        list[Path] | None, typer.Option(help="A photo, as a file; may be repeated.", exists=True, dir_okay=False)
    ] = None,
    url: Url = None,
    key: Key = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer with its vectors as JSON.")] = False,
) -> None:
    """Show how near texts and photos are to each other, as the cosine of their vectors. Texts come first."""
    inputs: list[str | Path] = [*(text or []), *(photo or [])]
    if not inputs:
        raise UserError("What is to be embedded? Give --text or --photo.")
    found = gateway_address(url, key)
    with Client(found.url, found.key) as client, err.status("Waiting for the vectors …"):
        embedded = client.embed(inputs)
    if as_json:
        out.print_json(json.dumps(embedded))
        return
    names = [given if isinstance(given, str) else given.name for given in inputs]
    vectors = embedded["embeddings"]
    rows = [
        {"number": number, "name": name, "cosines": [cosine(vector, other) for other in vectors]}
        for number, (name, vector) in enumerate(zip(names, vectors, strict=True), 1)
    ]
    show_rows(out, rows, [("", "number"), *map(_column, range(len(rows))), ("Input", "name")], none="")
    model, served_by = embedded["model"], embedded["served_by"]
    out.print(
        f"\nDimension {embedded['dimension']}, {model['name']} {model['version']}, {served_by}",
        style="dim",
        markup=False,
        soft_wrap=True,
    )


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """Of vectors of length 1, as the gateway gives them."""
    return sum(a * b for a, b in zip(one, other, strict=True))


def _column(number: int) -> Column:
    return f"To {number + 1}", lambda row: f"{row['cosines'][number]:+.3f}"
