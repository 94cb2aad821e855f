"""`scrutineer webhooks`: where a client wants to be told, and what became of it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Annotated, Any

import typer

from scrutineer.cli.administration import AsJson, Yes, show_answer, show_json
from scrutineer.cli.console import err, out
from scrutineer.cli.gateway_address import Key, Url, gateway_address
from scrutineer.cli.option_values import Duration, duration, given
from scrutineer.cli.tables import show_record, show_rows
from scrutineer.errors import UserError
from scrutineer.webhook_client import WebhookClient
from scrutineer.webhook_listener import LISTENS_AT, listen

app = typer.Typer(help="Webhooks: be told of verdicts, and see what became of each message.", no_args_is_help=True)
EndpointId = Annotated[str, typer.Argument(metavar="ENDPOINT_ID", help="The endpoint's id.")]
Events = Annotated[
    list[str] | None,
    typer.Option("--event", help="What to be told of, such as inspection.failed; may be repeated. By default all."),
]
DURATIONS = "90s|30m|24h|7d"


@contextmanager
def connected(url: str | None, key: str | None) -> Iterator[WebhookClient]:
    found = gateway_address(url, key)
    with WebhookClient(found.url, found.key, waiting=lambda: err.status("Waiting for the gateway …")) as client:
        yield client


@app.command("list")
def list_endpoints(url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """List the endpoints."""
    with connected(url, key) as client:
        endpoints = client.endpoints()
    if as_json:
        show_json({"endpoints": endpoints})
        return
    columns = (("Endpoint id", "endpoint_id"), ("Events", "events"), ("State", _state), ("Address", "url"))
    show_rows(out, endpoints, columns, none="There are no webhook endpoints.")


@app.command("add")
def add_endpoint(
    address: Annotated[str, typer.Argument(metavar="URL", help="https on port 443 of a public host.")],
    events: Events = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Be told at an address. The secret that verifies the messages is shown once."""
    with connected(url, key) as client:
        _show_once(client.add(given(url=address, events=events or None)), as_json=as_json)


@app.command("update")
def update_endpoint(
    endpoint_id: EndpointId,
    address: Annotated[str | None, typer.Option("--address", help="Another address.")] = None,
    events: Events = None,
    disable: Annotated[bool, typer.Option("--disable", help="Send nothing; what waits is dead.")] = False,
    enable: Annotated[bool, typer.Option("--enable", help="Send again; a replay brings what was missed.")] = False,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Change an endpoint's address or events, disable or enable it."""
    if disable and enable:
        raise UserError("Give --disable or --enable, not both.")
    changes = given(url=address, events=events or None, disabled=disable if disable or enable else None)
    if not changes:
        raise UserError("What is to change? Give --address, --event, --disable or --enable.")
    with connected(url, key) as client:
        show_answer(client.update(endpoint_id, changes), as_json=as_json)


@app.command("remove")
def remove_endpoint(
    endpoint_id: EndpointId, yes: Yes = False, url: Url = None, key: Key = None, as_json: AsJson = False
) -> None:
    """Remove an endpoint; what waits for it is never sent."""
    if not yes and not typer.confirm(f"Remove {endpoint_id}?", err=True):
        raise UserError("Nothing was changed.")
    with connected(url, key) as client:
        show_answer(client.remove(endpoint_id), as_json=as_json)


@app.command("rotate")
def rotate_secret(
    endpoint_id: EndpointId,
    overlap: Annotated[
        Duration | None,
        typer.Option(parser=duration, metavar=DURATIONS, help="For so long both secrets sign; by default 24h."),
    ] = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Give an endpoint another secret, which is shown once."""
    with connected(url, key) as client:
        content = {} if overlap is None else {"overlap_s": overlap.seconds}
        _show_once(client.rotate(endpoint_id, content), as_json=as_json)


@app.command("test")
def send_test(endpoint_id: EndpointId, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Send a message of the type test."""
    with connected(url, key) as client:
        show_answer(client.test(endpoint_id), as_json=as_json)


@app.command("deliveries")
def list_deliveries(
    endpoint_id: EndpointId,
    state: Annotated[str | None, typer.Option(help="Only waiting, delivered or dead.")] = None,
    limit: Annotated[int, typer.Option(help="How many, the newest first.", min=1)] = 20,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Show what became of each message to an endpoint."""
    with connected(url, key) as client:
        found = list(islice(client.deliveries(endpoint_id, state=state, page=limit), limit))
    if as_json:
        show_json({"deliveries": found})
        return
    columns = (
        ("Delivery id", "delivery_id"),
        ("Event", "event"),
        ("About", lambda each: each["inspection_id"] or each["batch_id"]),
        ("State", "state"),
        ("Attempts", lambda each: str(each["attempts"])),
        ("Next, UTC", "next_at"),
        ("Created, UTC", "created_at"),
        ("Last error", "last_error"),
    )
    show_rows(out, found, columns, none="Nothing was sent there.")


@app.command("replay")
def replay_deliveries(
    endpoint_id: EndpointId,
    delivery: Annotated[str | None, typer.Option(help="Only this delivery.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="2026-11-21T09:30:00Z", help="What came to be from then on.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="2026-11-21T10:30:00Z", help="And before then.")] = None,
    state: Annotated[str | None, typer.Option(help="Of the span only delivered or dead.")] = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Send messages once more: one, or those of a span of time."""
    if (delivery is None) == (since is None):
        raise UserError("Give --delivery or --since.")
    content = given(delivery_id=delivery, since=since, until=until, state=state)
    with connected(url, key) as client:
        answer = client.replay(endpoint_id, content)
        replayed = answer["replayed"]
        while answer["more"]:
            answer = client.replay(endpoint_id, {**content, "since": answer["next_since"]})
            replayed += answer["replayed"]
    if as_json:
        show_json({"replayed": replayed})
    else:
        out.print(f"Messages on their way again: {replayed}.")


@app.command("listen")
def listen_here(
    secret: Annotated[
        str, typer.Option(envvar="SCRUTINEER_WEBHOOK_SECRET", help="The endpoint's; better in the environment.")
    ],
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.", min=1, max=65535)] = LISTENS_AT,
) -> None:
    """Receive on this machine, verify, and print, until Ctrl-C. `scrutineer up` sends to port 8790."""
    out.print(f"Listening at http://127.0.0.1:{port}/", markup=False)
    listen(port, secret, heard=show_json, refused=lambda why: err.print(f"Refused: {why}", markup=False))


def _show_once(answer: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(answer)
        return
    show_record(out, {name: value for name, value in answer.items() if name != "secret"})
    out.print(f"\nSecret: {answer['secret']}", markup=False, soft_wrap=True)
    err.print("The secret can't be shown again.", style="yellow")


def _state(endpoint: Mapping[str, Any]) -> str:
    return "works" if endpoint["disabled_at"] is None else f"disabled: {endpoint['disabled_why']}"
