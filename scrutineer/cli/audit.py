"""`scrutineer audit`: who changed what, when, and from where."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, takewhile
from typing import Annotated, Any

import typer

from scrutineer.cli.administration import AsJson, show_json, signed_in
from scrutineer.cli.console import out
from scrutineer.cli.gateway_address import Key, Url
from scrutineer.cli.tables import NOTHING, Row, printable, show_rows, shown, utc_time

app = typer.Typer(help="The audit log, which nobody can change.", no_args_is_help=True)
LOOK_EVERY_S = 2.0
OF_ITSELF = ("created_at", "updated_at", "last_used_at", "hint")
"""Fields that differ without anybody having decided so."""

Line = dict[str, Any]


@app.callback()
def _audit() -> None:
    """Keeps `list` a subcommand while it is the only one."""


@app.command("list")
def list_lines(
    client: Annotated[str | None, typer.Option(help="Only what was done to this client, by its id.")] = None,
    actor: Annotated[str | None, typer.Option(help="Only what this key or member did, by its id.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this, such as keys:revoke.")] = None,
    limit: Annotated[int, typer.Option(help="So many lines, the newest.", min=1)] = 50,
    follow: Annotated[
        bool, typer.Option("--follow", help="The newest last, and then new ones as they come, until Ctrl-C.")
    ] = False,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """List who changed what, the newest first. With --json, `before` and `after` are there too."""
    with signed_in(url, key) as admin:

        def look() -> Iterator[Line]:
            return admin.audit(client=client, actor=actor, action=action, page=limit)

        if follow:
            for line in followed(look, limit=limit, wait=lambda: time.sleep(LOOK_EVERY_S)):
                out.print(json.dumps(line) if as_json else _in_words(line), markup=False, soft_wrap=True)
        else:
            lines = list(islice(look(), limit))
    if as_json:
        show_json({"lines": lines})
    else:
        show_rows(out, lines, COLUMNS, none="There are no such lines.")


def followed(look: Callable[[], Iterable[Line]], *, limit: int, wait: Callable[[], None]) -> Iterator[Line]:
    """The newest `limit` lines, the oldest of them first, and then for ever what comes. `look` gives newest first."""
    lines = list(islice(look(), limit))
    newest = lines[0] if lines else None
    while True:
        yield from reversed(lines)
        wait()
        lines = list(takewhile(lambda line, seen=newest: line != seen, look()))  # type: ignore[misc]
        newest = lines[0] if lines else newest


def _changed(line: Row) -> str:
    """The fields that are not what they were; of a thing that is new or gone, its name."""
    before, after = line["before"], line["after"]
    if before and after:
        fields = [name for name in after if after[name] != before.get(name) and name not in OF_ITSELF]
        return ", ".join(f"{name}: {shown(before.get(name))} → {shown(after[name])}" for name in fields) or NOTHING
    thing = after or before or {}
    return ", ".join(f"{name}: {shown(thing[name])}" for name in ("name", "role", "plan") if thing.get(name)) or NOTHING


COLUMNS = (
    ("At, UTC", "at"),
    ("Actor", "actor"),
    ("As", "actor_role"),
    ("Did", "action"),
    ("To", "target"),
    ("From", "source_ip"),
    ("Change", _changed),
)


def _in_words(line: Line) -> str:
    words = (utc_time(line["at"]), line["actor"], line["action"], line["target"], _changed(line))
    return printable("  ".join(words))
