"""`scrutineer up`: the whole of Scrutineer on this machine, until Ctrl-C."""

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scrutineer.cli.console import out
from scrutineer.cli.stack import DEMO_MODEL, started
from scrutineer.running_stack import RunningStack, announced

if TYPE_CHECKING:
    from scrutineer.local.stack import LocalStack

SAMPLE_BODY = """python3 -c 'import json; print(json.load(open("events/inspections-create.json"))["body"])'"""


def up(
    port: Annotated[int, typer.Option(help="Port of the gateway on 127.0.0.1.", min=0, max=65535)] = 8700,
    model: Annotated[
        Path, typer.Option(help="Folder of an InternVL checkpoint (config.json, *.safetensors).")
    ] = DEMO_MODEL,
    data: Annotated[
        Path | None, typer.Option(help="Keep database and logs here; by default they go at the end.")
    ] = None,
) -> None:
    """Start the local stack: gateway, functions, queues, database and the model's container. Ctrl-C stops it."""
    run_until_stopped(port=port, model=model, data=data)


def run_until_stopped(*, port: int, model: Path, data: Path | None) -> None:
    stop = threading.Event()
    with started(port=port, model=model, data=data) as (stack, running), announced(running):
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        _describe(stack, running)
        stop.wait()
        out.print("Stopping.")


def _describe(stack: "LocalStack", running: RunningStack) -> None:
    rows = {
        "Gateway": running.url,
        "API page": f"{running.url}/v1/docs",
        "API key": running.key,
        "Database": stack.database.url,
        "AWS services": stack.services_url,
        "Endpoint": stack.endpoint_url or "none",
        "Logs": str(stack.logs),
    }
    for name, value in rows.items():
        out.print(f"{name + ':':14}{value}", soft_wrap=True, markup=False)
    out.print(
        "\nTry, in another terminal of this folder:\n"
        "  .venv/bin/scrutineer inspect events/photos/red-shoe-good-*.jpg --item 'red shoe'\n"
        "or, as any client would:\n"
        f"  {SAMPLE_BODY} |\n"
        f"    curl -s '{running.url}/v1/inspections' -H 'x-api-key: {running.key}' "
        "-H 'content-type: application/json' -H 'Prefer: wait=20' -d @-\n"
        "Ctrl-C stops it.",
        soft_wrap=True,
        markup=False,
    )
