"""`scrutineer up`: the whole of Scrutineer on this machine, until Ctrl-C."""

import signal
import threading
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scrutineer.cli.console import out
from scrutineer.cli.option_values import pairs
from scrutineer.cli.stack import DEMO_MODEL, DESCRIPTIONS, EMBEDDINGS, started
from scrutineer.running_stack import RunningStack, announced

if TYPE_CHECKING:
    from scrutineer.local.stack import LocalStack

SAMPLE_BODY = """python3 -c 'import json; print(json.load(open("events/inspections-create.json"))["body"])'"""


def up(
    port: Annotated[int, typer.Option(help="Port of the gateway on 127.0.0.1.", min=0, max=65535)] = 8700,
    model: Annotated[
        Path, typer.Option(help="Folder of an InternVL checkpoint (config.json, *.safetensors).")
    ] = DEMO_MODEL,
    embedding_model: Annotated[
        Path | None,
        typer.Option(help="Folder of a CLIP checkpoint, for /v1/embeddings; without one there are no embeddings."),
    ] = None,
    description_model: Annotated[
        Path | None,
        typer.Option(help="Folder of a BLIP2 checkpoint, for /v1/descriptions; without one --model describes."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Keep database and logs here; by default they go at the end.")
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(help="A parameter of the template, as Name=value; may be repeated (docs/deploy.md lists them)."),
    ] = None,
    cold_start: Annotated[
        float,
        typer.Option(
            help="Seconds that the endpoint sleeps on after it was first asked, as one that scales from zero.", min=0
        ),
    ] = 0,
) -> None:
    """Start the local stack: gateway, functions, queues, database and a container a model. Ctrl-C stops it."""
    given = {EMBEDDINGS: embedding_model, DESCRIPTIONS: description_model}
    further_models = {parameter: folder for parameter, folder in given.items() if folder is not None}
    run_until_stopped(
        started(
            port=port,
            model=model,
            data=data,
            further_models=further_models,
            parameters=pairs(parameter, "--parameter"),
            cold_start_s=cold_start,
        )
    )


def run_until_stopped(starting: AbstractContextManager[tuple["LocalStack", RunningStack]]) -> None:
    stop = threading.Event()
    with starting as (stack, running), announced(running):
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        _tell(stack, running)
        stop.wait()
        out.print("Stopping.")


def places(stack: "LocalStack", running: RunningStack) -> dict[str, str]:
    """Where each part is, by what it is to a person."""
    further_models = stack.settings.further_models
    own = "none; see --description-model" if stack.settings.asynchronous else "by the endpoint's model"
    return {
        "Gateway": running.url,
        "API page": f"{running.url}/v1/docs",
        "API key": running.key,
        "Database": stack.database.url,
        "AWS services": stack.services_url,
        "Endpoint": stack.endpoint_url or "none",
        "Embeddings": str(further_models.get(EMBEDDINGS, "none; see --embedding-model")),
        "Descriptions": str(further_models.get(DESCRIPTIONS, own)),
        "Logs": str(stack.logs),
    }


def _tell(stack: "LocalStack", running: RunningStack) -> None:
    for name, value in places(stack, running).items():
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
