"""`scrutineer keys`: API keys, which are shown when they are made and never again."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from scrutineer.cli.administration import (
    AsJson,
    DryRun,
    OfClient,
    Yes,
    carry_out,
    own,
    show_answer,
    show_json,
    signed_in,
)
from scrutineer.cli.console import err, out
from scrutineer.cli.gateway_address import Key, Url
from scrutineer.cli.option_values import Duration, duration, expiry, given
from scrutineer.cli.tables import show_record, show_rows, utc_time
from scrutineer.errors import UserError

app = typer.Typer(help="API keys: make, rotate, revoke.", no_args_is_help=True)
KeyId = Annotated[str, typer.Argument(metavar="KEY_ID", help="The key's id, not the key itself.")]
ROLES = "viewer, reviewer, operator, client-admin; by an admin also admin, auditor."
Scopes = Annotated[
    list[str] | None,
    typer.Option("--scope", help="Only this of what its role may do, such as inspections:read; may be repeated."),
]
Lifetime = Annotated[
    Duration | None,
    typer.Option("--expires-in", parser=duration, metavar="90s|30m|24h|7d", help="Stops working after that time."),
]


@app.command("list")
def list_keys(client: OfClient = None, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """List a client's keys, without the keys themselves."""
    with signed_in(url, key) as admin:
        keys = list(admin.keys(own(admin, client)))
    if as_json:
        show_json({"keys": keys})
        return
    now = datetime.now(UTC)
    columns = (
        ("Key id", "key_id"),
        ("Name", "name"),
        ("Begins with", "hint"),
        ("Role", "role"),
        ("Scopes", _scopes),
        ("Last used, UTC", "last_used_at"),
        ("State, UTC", lambda each: _state(each, now)),
    )
    show_rows(out, keys, columns, none="This client has no keys.")


@app.command("create")
def create_key(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for.")],
    role: Annotated[str, typer.Option(help=f"What it may do: {ROLES}")] = "operator",
    scopes: Scopes = None,
    expires_in: Lifetime = None,
    client: OfClient = None,
    dry_run: DryRun = False,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Make a key. It is shown once: only its hash is stored."""
    content = given(name=name, role=role, scopes=scopes or None, expires_at=expiry(expires_in))
    with signed_in(url, key) as admin:
        answer = admin.create_key(own(admin, client), content, dry_run=dry_run)
    _show_once(answer, as_json=as_json)


@app.command("update")
def update_key(
    key_id: KeyId,
    name: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    expires_in: Lifetime = None,
    never_expires: Annotated[bool, typer.Option("--never-expires", help="Works until it is revoked.")] = False,
    client: OfClient = None,
    dry_run: DryRun = False,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Change a key's name or expiry. What it may do stays as it is: for that, make another."""
    if expires_in and never_expires:
        raise UserError("Give --expires-in or --never-expires, not both.")
    changes = given(name=name, expires_at=expiry(expires_in)) | ({"expires_at": None} if never_expires else {})
    if not changes:
        raise UserError("What is to change? Give --name, --expires-in or --never-expires.")
    with signed_in(url, key) as admin:
        _show_key(admin.update_key(own(admin, client), key_id, changes, dry_run=dry_run), as_json=as_json)


@app.command("rotate")
def rotate_key(
    key_id: KeyId,
    overlap: Annotated[
        Duration | None, typer.Option(parser=duration, metavar="90s|30m|24h|7d", help="For so long both keys work.")
    ] = None,
    client: OfClient = None,
    dry_run: DryRun = False,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Put a new key in a key's place. Both work for a while; then the old one ends by itself."""
    with signed_in(url, key) as admin:
        content = {} if overlap is None else {"overlap_s": overlap.seconds}
        answer = admin.rotate_key(own(admin, client), key_id, content, dry_run=dry_run)
    _show_once(answer, as_json=as_json)


@app.command("revoke")
def revoke_key(
    key_id: KeyId,
    client: OfClient = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """End a key: within a minute it opens nothing any more. This can't be undone."""
    with signed_in(url, key) as admin:
        client_id = own(admin, client)
        answer = carry_out(
            lambda dry: admin.revoke_key(client_id, key_id, dry_run=dry),
            question=f"End the key {key_id} for ever?",
            word="revoke",
            yes=yes,
            dry_run=dry_run,
        )
    _show_key(answer, as_json=as_json)


def _show_key(answer: dict[str, Any], *, as_json: bool) -> None:
    if as_json or "scopes" not in answer:
        show_answer(answer, as_json=as_json)
    else:
        show_record(out, {**answer, "scopes": _scopes(answer)})


def _show_once(answer: dict[str, Any], *, as_json: bool) -> None:
    """The new key, the only time that it is shown; beside it the one that it replaces."""
    new = answer.get("new", answer)
    if as_json or "key" not in new:
        show_answer(answer, as_json=as_json)
        return
    _show_key({name: value for name, value in new.items() if name != "key"}, as_json=False)
    out.print(f"\nKey: {new['key']}", markup=False, soft_wrap=True)
    err.print("The key is not stored and can't be shown again.", style="yellow")
    if "old" in answer:
        out.print(f"The old key {answer['old']['key_id']} {_state(answer['old'], datetime.now(UTC))}.", markup=False)


def _scopes(key: Mapping[str, Any]) -> Any:
    return "all" if key["scopes"] is None else key["scopes"]


def _state(key: Mapping[str, Any], now: datetime) -> str:
    """What is to be known first: whether it works, and when it ends or ended."""
    ends = [(key[field], word) for field, word in (("revoked_at", "revoked"), ("expires_at", "expired")) if key[field]]
    if not ends:
        return "works"
    at, word = min(ends)
    end = datetime.fromisoformat(at)
    end = end if end.tzinfo else end.replace(tzinfo=UTC)
    return f"works until {utc_time(at)}" if end > now else f"{word} {utc_time(at)}"
