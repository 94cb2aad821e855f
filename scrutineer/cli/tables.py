"""Lists and records for people: whole identifiers, UTC times to the second, nothing that could steer a terminal."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

Row = Mapping[str, Any]
Column = tuple[str, str | Callable[[Row], Any]]
"""A heading, and the field it shows or what to make of the whole row."""

NOTHING = "–"
WIDEST = 10_000  # characters; longer than any line of ours


def show_rows(console: Console, rows: Iterable[Row], columns: Sequence[Column], *, none: str) -> None:
    """A table, or the words `none` if there are no rows."""
    table = _table([heading for heading, _ in columns])
    for row in rows:
        table.add_row(*(_cell(row, column) for _, column in columns))
    if table.row_count:
        show_whole(console, table)
    else:
        console.print(none, markup=False)


def show_record(console: Console, record: Row) -> None:
    """One thing, a field a line; what is in a field's fields comes indented by its name."""
    table = _table(["", ""])
    table.show_header = False
    for name, value in _fields(record):
        table.add_row(Text(name, style="dim"), shown(value, name))
    show_whole(console, table)


def show_change(console: Console, answer: Row) -> None:
    """A dry run: the fields that would change, before and after."""
    before, after = dict(_fields(answer.get("before") or {})), dict(_fields(answer.get("after") or {}))
    differing = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    if not differing:
        console.print("Nothing would change.", markup=False)
        return
    table = _table(["Would change", "from", "to"])
    for name in differing:
        table.add_row(Text(name), shown(before.get(name), name), shown(after.get(name), name))
    show_whole(console, table)


def show_whole(console: Console, table: Table) -> None:
    """As wide as it has to be: an identifier that is cut off can't be copied."""
    console.print(_Whole(table), crop=False)


def shown(value: Any, name: str = "") -> Text:
    """A value in a cell."""
    if value is None or value == []:
        return Text(NOTHING, style="dim")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return Text(printable(", ".join(value)))
    if isinstance(value, str):
        return Text(printable(utc_time(value) if name == "at" or name.endswith("_at") else value))
    return Text(printable(json.dumps(value, ensure_ascii=False)))


def printable(text: str) -> str:
    """Names are what somebody typed elsewhere; an escape sequence in one must not reach this terminal."""
    return "".join(character if character.isprintable() else "�" for character in text)


def utc_time(text: str) -> str:
    """`2026-11-21T09:30:00.000000Z` as `2026-11-21 09:30:00`."""
    return text[:19].replace("T", " ")


def _table(headings: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    return table


def _cell(row: Row, column: str | Callable[[Row], Any]) -> Text:
    if isinstance(column, str):
        return shown(row.get(column), column)
    value = column(row)
    return value if isinstance(value, Text) else shown(value)


def _fields(record: Row, prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in record.items():
        if isinstance(value, dict) and value:
            yield from _fields(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


class _Whole:
    def __init__(self, table: Table) -> None:
        self._table = table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = Measurement.get(console, options.update(max_width=WIDEST), self._table).maximum
        yield from console.render(self._table, options.update(width=width))
