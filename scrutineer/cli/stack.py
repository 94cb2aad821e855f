"""A local stack with a client that may use it: what `up` and `demo` have in common."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scrutineer.access import create_client_with_key
from scrutineer.cli.console import progress
from scrutineer.errors import UserError
from scrutineer.local.settings import ROOT, StackSettings
from scrutineer.local.stack import LocalStack
from scrutineer.running_stack import RunningStack

DEMO_MODEL = ROOT / "endpoint_container" / "demo_model" / "artifact"
FIRST_KEY = "FirstClientKey"


@contextmanager
def started(*, port: int, model: Path, data: Path | None) -> Iterator[tuple[LocalStack, RunningStack]]:
    """The stack, running, and the address and key of its first client; all of it ends with the block."""
    if not (model / "config.json").is_file():
        raise UserError(f"{model} holds no model: there is no config.json in it.")
    settings = StackSettings(gateway_port=port, model_dir=model, data_dir=data)
    with LocalStack(settings, progress=progress) as stack:
        yield stack, RunningStack(url=stack.url, key=first_key(stack))


def first_key(stack: LocalStack) -> str:
    """A key for a first client. Its id is the one that the template puts into the usage plan."""
    connection = stack.database.open()
    with connection, connection.cursor() as cursor:
        key_id = stack.usage_keys[FIRST_KEY]
        # A kept data folder may hold the client of an earlier run, whose key nobody knows any more.
        cursor.execute("DELETE FROM api_keys WHERE key_id = %s", (key_id,))
        return create_client_with_key(connection, client_name="First client", key_id=key_id).key
