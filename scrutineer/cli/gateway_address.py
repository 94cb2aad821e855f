"""Where the gateway is and with which key: from options, the environment, or the stack that runs here."""

from typing import Annotated
from urllib.parse import urlsplit

import typer

from scrutineer import running_stack
from scrutineer.errors import UserError
from scrutineer.running_stack import RunningStack

Url = Annotated[str | None, typer.Option(envvar="SCRUTINEER_URL", help="The gateway, stage included.")]
Key = Annotated[
    str | None, typer.Option(envvar="SCRUTINEER_API_KEY", help="The API key; better as SCRUTINEER_API_KEY.")
]
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def gateway_address(url: str | None, key: str | None) -> RunningStack:
    """A key of the local stack goes to the local stack only. Raises UserError for what is missing or not safe."""
    running = running_stack.find()
    if url is None and running is not None:
        return RunningStack(running.url, key or running.key)
    if url is None:
        raise UserError("Where is the gateway? Give --url (or SCRUTINEER_URL), or start one here by `scrutineer up`.")
    if key is None:
        raise UserError("Give --key, or better SCRUTINEER_API_KEY.")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise UserError(f"--url: {error}.") from error
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise UserError("--url: over http:// anybody on the way could read the key; use https://.")
    return RunningStack(url, key)
