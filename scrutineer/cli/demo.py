"""`scrutineer demo`: the main job once, on this machine, from photos to verdict."""

from pathlib import Path
from typing import Annotated

import typer

from scrutineer.cli.console import out
from scrutineer.cli.stack import DEMO_MODEL, started
from scrutineer.client import Client
from scrutineer.local.settings import ROOT
from scrutineer.report import show

PHOTOS = ROOT / "events" / "photos"
STEPS = (
    ("A returned red shoe, as ordered.", "red shoe", "red-shoe-good-{}.jpg"),
    ("A blue bag came back damaged.", "blue bag", "blue-bag-damaged-{}.jpg"),
    ("The same shoe, but the courier's hand shook at one photo.", "red shoe", "spoilt"),
)


def demo(
    model: Annotated[Path, typer.Option(help="Folder of an InternVL checkpoint.")] = DEMO_MODEL,
) -> None:
    """Start everything, inspect a good return, a damaged one and a spoilt photo, and stop again."""
    with started(port=0, model=model, data=None) as (_, running), Client(running.url, running.key) as client:
        out.print(f"The local stack is up: {running.url}\n", markup=False)
        for title, item, pattern in STEPS:
            out.print(title, style="bold")
            show(out, client.inspect(_photos(pattern), item={"description": item}, checklist="reverse-pickup"))


def _photos(pattern: str) -> list[Path]:
    if pattern == "spoilt":
        return [*(PHOTOS / f"red-shoe-good-{number}.jpg" for number in (1, 2)), PHOTOS / "spoilt-blurred.jpg"]
    return [PHOTOS / pattern.format(number) for number in (1, 2, 3, 4)]
