"""A local stack with a client that may use it: what `up` and `demo` have in common."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from scrutineer.access import bootstrap
from scrutineer.cli.console import progress
from scrutineer.errors import UserError
from scrutineer.local.settings import ROOT, StackSettings
from scrutineer.running_stack import RunningStack

if TYPE_CHECKING:
    from scrutineer.local.stack import LocalStack

DEMO_MODEL = ROOT / "endpoint_container" / "demo_model" / "artifact"
FIRST_CLIENT = "First client"
RECONCILE = "ReconcileFunction"


@contextmanager
def started(*, port: int, model: Path, data: Path | None) -> Iterator[tuple["LocalStack", RunningStack]]:
    """The stack, running, and the address and key of its first client; all of it ends with the block."""
    # It brings botocore and uvicorn, half of the time that a command takes which only asks a gateway.
    from scrutineer.local.stack import LocalStack

    if not (model / "config.json").is_file():
        raise UserError(f"{model} holds no model: there is no config.json in it.")
    settings = StackSettings(gateway_port=port, model_dir=model, data_dir=data)
    with LocalStack(settings, progress=progress) as stack:
        yield stack, RunningStack(url=stack.url, key=first_key(stack))


def first_key(stack: "LocalStack") -> str:
    """An admin's key for a first client, who is on the usage plan. In a kept folder it ends the key of the last run.

    Raises UserError where the stack's records of API Gateway can't follow.
    """
    with stack.database.open() as connection:
        key = bootstrap(connection, client_name=FIRST_CLIENT, force=True, replace=True).key
    result = stack.invoke(RECONCILE, {})
    if result.function_error or json.loads(result.payload)["left"]:
        raise UserError(f"The usage plan does not know the first client: {RECONCILE} failed; see {stack.logs}.")
    return key
