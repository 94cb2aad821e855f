"""A local stack with a client that may use it: what `up` and `demo` have in common."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from scrutineer.cli.console import progress
from scrutineer.errors import UserError
from scrutineer.local.settings import ROOT, StackSettings
from scrutineer.running_stack import RunningStack
from scrutineer.webhook_listener import LISTENS_AT

if TYPE_CHECKING:
    from scrutineer.local.stack import LocalStack

INTERNVL, CLIP, BLIP2 = "internvl", "clip", "blip-2"
DEMO_MODEL = ROOT / "endpoint_container" / "demo_model" / "artifact"
EMBEDDINGS, DESCRIPTIONS = "EmbeddingEndpointUrl", "DescriptionEndpointUrl"
"""The template's parameters for models beside the inspections' own."""
FURTHER_FAMILIES = {EMBEDDINGS: CLIP, DESCRIPTIONS: BLIP2}
FIRST_CLIENT = "First client"
MIGRATE, RECONCILE = "MigrateFunction", "ReconcileFunction"
TELLERS = ("NotifyFunction", "WebhooksFunction")


@contextmanager
def started(
    *,
    port: int,
    model: Path,
    data: Path | None,
    further_models: Mapping[str, Path] = MappingProxyType({}),
    parameters: Mapping[str, str] = MappingProxyType({}),
    cold_start_s: float = 0.0,
) -> Iterator[tuple["LocalStack", RunningStack]]:
    """The stack, running, and the address and key of its first client; all of it ends with the block.

    `further_models` are folders by the template's parameter that takes the model's address, `parameters` values of
    others. Raises UserError, before anything starts, for a folder without a model of the family that belongs there,
    TemplateInvalid for a parameter that CloudFormation would not take.
    """
    # It brings botocore and uvicorn, half of the time that a command takes which only asks a gateway.
    from scrutineer.local.stack import LocalStack

    check_model(model, INTERNVL)
    for parameter, folder in further_models.items():
        check_model(folder, FURTHER_FAMILIES[parameter])
    settings = StackSettings(
        gateway_port=port,
        model_dir=model.resolve(),  # a container has a working folder of its own
        data_dir=data,
        parameters=parameters,
        endpoint_cold_start_s=cold_start_s,
        further_models={parameter: folder.resolve() for parameter, folder in further_models.items()},
        function_environment={teller: {"OUTWARD_LOCAL": f"127.0.0.1:{LISTENS_AT}"} for teller in TELLERS},
    )
    with LocalStack(settings, progress=progress) as stack:
        yield stack, RunningStack(url=stack.url, key=first_key(stack), logs=str(stack.logs.resolve()))


def check_model(folder: Path, family: str) -> None:
    """Raises UserError unless the folder's config.json says that it holds a model of this family."""
    path = folder / "config.json"
    if not path.is_file():
        raise UserError(f"{folder} holds no model: there is no config.json in it.")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} can't be read as JSON: {error}") from error
    found = config.get("model_type") if isinstance(config, dict) else None
    if found != family:
        raise UserError(f"{folder} holds a model of type {found!r}, and {family!r} is needed here (in config.json).")


def first_key(stack: "LocalStack") -> str:
    """An admin's key for a first client, who is on the usage plan. In a kept folder it ends the key of the last run.

    Raises UserError where the stack's records of API Gateway can't follow.
    """
    made = stack.invoke(MIGRATE, {"bootstrap": {"client": FIRST_CLIENT, "force": True, "replace": True}})
    answer = json.loads(made.payload)
    if made.function_error or "problem" in answer:
        raise UserError(f"There is no first client: {MIGRATE} failed; see {stack.logs}.")
    key: str = answer["key"]
    result = stack.invoke(RECONCILE, {})
    if result.function_error or json.loads(result.payload)["left"]:
        raise UserError(f"The usage plan does not know the first client: {RECONCILE} failed; see {stack.logs}.")
    return key
