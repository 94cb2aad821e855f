"""Lists and records for people: whole identifiers, UTC times to the second, nothing that could steer a terminal."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

Row = Mapping[str, Any]
Column = tuple[str, str | Callable[[Row], Any]]
"""A heading, and the field it shows or what to make of the whole row."""

NOTHING = "–"
WIDEST = 10_000  # characters; longer than any line of ours
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
LEAST = 40  # characters that a wrapped column keeps


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
        table.add_row(Text(name, style="dim"), shown(value))
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
        table.add_row(Text(name), shown(before.get(name)), shown(after.get(name)))
    show_whole(console, table)


def show_whole(console: Console, table: Table) -> None:
    """Identifiers are never cut off. In a file or a pipe a row is one line; on a terminal the last column may wrap."""
    console.print(_Whole(table), crop=False)


def shown(value: Any) -> Text:
    """A value in a cell."""
    if value is None or value == []:
        return Text(NOTHING, style="dim")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return Text(printable(", ".join(value)))
    if isinstance(value, str):
        return Text(printable(utc_time(value) if _TIME.fullmatch(value) else value))
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
        return shown(row.get(column))
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
        unbounded = options.update(max_width=WIDEST)
        width = Measurement.get(console, unbounded, self._table).maximum
        if console.is_terminal:
            last = self._table.columns[-1]
            last.no_wrap = False
            wide = max((Measurement.get(console, unbounded, cell).maximum for cell in last.cells), default=0)
            width = min(width, max(console.width, width - wide + min(wide, LEAST)))
        for line in console.render_lines(self._table, options.update(width=width), pad=False):
            yield from _without_blanks_at_its_end(line)
            yield Segment.line()


def _without_blanks_at_its_end(line: Sequence[Segment]) -> list[Segment]:
    kept = list(line)
    while kept and not kept[-1].text.strip():
        kept.pop()
    if kept:
        kept[-1] = Segment(kept[-1].text.rstrip(), kept[-1].style)
    return kept
