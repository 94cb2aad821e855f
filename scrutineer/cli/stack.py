"""A local stack with a client that may use it: what `up` and `demo` have in common."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scrutineer.access import bootstrap
from scrutineer.cli.console import progress
from scrutineer.errors import UserError
from scrutineer.local.settings import ROOT, StackSettings
from scrutineer.local.stack import LocalStack
from scrutineer.running_stack import RunningStack

DEMO_MODEL = ROOT / "endpoint_container" / "demo_model" / "artifact"
FIRST_CLIENT = "First client"
FIRST_KEY = "FirstClientKey"
RECONCILE = "ReconcileFunction"


@contextmanager
def started(*, port: int, model: Path, data: Path | None) -> Iterator[tuple[LocalStack, RunningStack]]:
    """The stack, running, and the address and key of its first client; all of it ends with the block."""
    if not (model / "config.json").is_file():
        raise UserError(f"{model} holds no model: there is no config.json in it.")
    settings = StackSettings(gateway_port=port, model_dir=model, data_dir=data)
    with LocalStack(settings, progress=progress) as stack:
        yield stack, RunningStack(url=stack.url, key=first_key(stack))


def first_key(stack: LocalStack) -> str:
    """An admin's key for a first client, who is on the usage plan. In a kept folder it ends the key of the last run.

    Raises UserError where the stack's records of API Gateway can't follow.
    """
    with stack.database.open() as connection:
        if RECONCILE in stack.functions:
            key = bootstrap(connection, client_name=FIRST_CLIENT, force=True, replace=True).key
        else:
            key = _key_of_template(stack, connection)
    if RECONCILE in stack.functions:
        result = stack.invoke(RECONCILE, {})
        if result.function_error or json.loads(result.payload)["left"]:
            raise UserError(f"The usage plan does not know the first client: {RECONCILE} failed; see {stack.logs}.")
    return key


def _key_of_template(stack: LocalStack, connection: Any) -> str:
    """Its client has the id that the template puts into the usage plan."""
    new = bootstrap(connection, client_name=FIRST_CLIENT, force=True, replace=True)
    with connection.cursor() as cursor:
        for table in ("clients", "api_keys", "client_usage"):
            cursor.execute(
                f"UPDATE {table} SET client_id = %s WHERE client_id = %s", (stack.usage_keys[FIRST_KEY], new.client_id)
            )
    connection.commit()
    return new.key
