"""`scrutineer clients`: who may ask at all."""

from typing import Annotated

import typer

from scrutineer.cli.administration import AsJson, DryRun, Yes, carry_out, show_answer, show_json, signed_in
from scrutineer.cli.console import out
from scrutineer.cli.gateway_address import Key, Url
from scrutineer.cli.option_values import Maybe, given, maybe, maybe_duration
from scrutineer.cli.tables import show_record, show_rows
from scrutineer.errors import UserError

app = typer.Typer(help="Clients: who may ask, on which plan, and how long their photos are kept.", no_args_is_help=True)
COLUMNS = (
    ("Client", "client_id"),
    ("Name", "name"),
    ("Plan", "plan"),
    ("Disabled, UTC", "disabled_at"),
    ("Photos kept, days", "retention_days"),
    ("Reuse, s", "reuse_window_s"),
    ("Photos compared, s", "photo_match_window_s"),
    ("Created, UTC", "created_at"),
)
ClientId = Annotated[str, typer.Argument(metavar="CLIENT", help="The client's id.")]
Retention = Annotated[
    Maybe | None,
    typer.Option(
        parser=maybe, metavar="N|none", help="Days that its photos are kept; none leaves it to the installation."
    ),
]
ReuseWindow = Annotated[
    Maybe | None,
    typer.Option(
        "--reuse-window",
        parser=maybe_duration,
        metavar="90s|30m|24h|7d|none",
        help="For so long a verdict on the same photos, item and checklist is reused; none looks at them anew.",
    ),
]

PhotoMatchWindow = Annotated[
    Maybe | None,
    typer.Option(
        "--photo-match-window",
        parser=maybe_duration,
        metavar="90s|30m|24h|7d|none",
        help="For so long a photo of one parcel is recognised in another one's, which a person then looks at.",
    ),
]


@app.command("list")
def list_clients(url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """List the clients that your key may see."""
    with signed_in(url, key) as admin:
        clients = list(admin.clients())
    if as_json:
        show_json({"clients": clients})
    else:
        show_rows(out, clients, COLUMNS, none="There are no clients.")


@app.command("show")
def show_client(client_id: ClientId, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Show one client."""
    with signed_in(url, key) as admin:
        client = admin.client(client_id)
    if as_json:
        show_json(client)
    else:
        show_record(out, client)


@app.command("create")
def create_client(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call it.")],
    plan: Annotated[str, typer.Option(help="Its usage plan.")] = "standard",
    retention_days: Retention = None,
    reuse_window: ReuseWindow = None,
    photo_match_window: PhotoMatchWindow = None,
    dry_run: DryRun = False,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Make a client. It can't ask for anything until it has a key (`keys create`) or a member (`members add`)."""
    with signed_in(url, key) as admin:
        content = given(
            name=name,
            plan=plan,
            retention_days=retention_days,
            reuse_window_s=reuse_window,
            photo_match_window_s=photo_match_window,
        )
        show_answer(admin.create_client(content, dry_run=dry_run), as_json=as_json)


@app.command("update")
def update_client(
    client_id: ClientId,
    name: Annotated[str | None, typer.Option(help="What people call it from now on.")] = None,
    plan: Annotated[str | None, typer.Option(help="Its usage plan from now on.")] = None,
    retention_days: Retention = None,
    reuse_window: ReuseWindow = None,
    photo_match_window: PhotoMatchWindow = None,
    dry_run: DryRun = False,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Change a client's name, plan, retention, reuse of verdicts or comparing of photos."""
    changes = given(
        name=name,
        plan=plan,
        retention_days=retention_days,
        reuse_window_s=reuse_window,
        photo_match_window_s=photo_match_window,
    )
    if not changes:
        raise UserError("What is to change? Give --name, --plan, --retention-days or one of the windows.")
    with signed_in(url, key) as admin:
        show_answer(admin.update_client(client_id, changes, dry_run=dry_run), as_json=as_json)


@app.command("disable")
def disable_client(
    client_id: ClientId,
    yes: Yes = False,
    dry_run: DryRun = False,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Turn away all of a client's keys and members, within a minute. `enable` undoes it."""
    with signed_in(url, key) as admin:
        answer = carry_out(
            lambda dry: admin.update_client(client_id, {"disabled": True}, dry_run=dry),
            question=f"Turn away all that {client_id} sends?",
            word="disable",
            yes=yes,
            dry_run=dry_run,
        )
    show_answer(answer, as_json=as_json)


@app.command("enable")
def enable_client(
    client_id: ClientId, dry_run: DryRun = False, url: Url = None, key: Key = None, as_json: AsJson = False
) -> None:
    """Let a disabled client ask again, with the keys and members that it had."""
    with signed_in(url, key) as admin:
        show_answer(admin.update_client(client_id, {"disabled": False}, dry_run=dry_run), as_json=as_json)


@app.command("erase-photos")
def erase_photos(
    client_id: ClientId,
    yes: Yes = False,
    dry_run: DryRun = False,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Erase, within the hour, all photos that a client has sent up to now. Verdicts stay; this can't be undone."""
    with signed_in(url, key) as admin:
        answer = carry_out(
            lambda dry: admin.erase_photos(client_id, dry_run=dry),
            question=f"Erase all photos that {client_id} has sent up to now, for ever?",
            word="erase",
            yes=yes,
            dry_run=dry_run,
        )
    show_answer(answer, as_json=as_json)
