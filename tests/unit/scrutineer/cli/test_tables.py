"""What a person reads: nothing cut off, a line a row for other programs, and the last column wrapped on a terminal."""

import io

import pytest
from rich.console import Console

from scrutineer.cli.tables import show_change, show_record, show_rows, shown

ROWS = [{"id": "key_" + "b" * 40, "name": "x" * 60, "may": "one two three four " * 10}]
COLUMNS = (("Id", "id"), ("Name", "name"), ("May", "may"))


def printed(**options: object) -> list[str]:
    written = io.StringIO()
    show_rows(Console(file=written, width=80, **options), ROWS, COLUMNS, none="None.")  # type: ignore[arg-type]
    return written.getvalue().splitlines()


def test_in_a_pipe_a_row_is_one_whole_line() -> None:
    heading, row = printed()
    assert row == f"{ROWS[0]['id']}  {ROWS[0]['name']}  {ROWS[0]['may'].strip()}"
    assert heading == f"{'Id':44}  {'Name':60}  May"


def test_on_a_terminal_only_the_last_column_wraps() -> None:
    _, *lines = printed(force_terminal=True, no_color=True, legacy_windows=False)
    text = [line.rstrip() for line in lines]
    assert len(text) > 3
    assert ROWS[0]["id"] in text[0]
    assert ROWS[0]["name"] in text[0]
    assert " ".join(" ".join(line.split()) for line in text).split()[2:] == ROWS[0]["may"].split()


def test_no_rows_are_told_in_words() -> None:
    console = Console(file=io.StringIO())
    show_rows(console, [], COLUMNS, none="There are none [at all].")
    assert console.file.getvalue() == "There are none [at all].\n"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        ([], "–"),
        (True, "yes"),
        (False, "no"),
        (0, "0"),
        (["a", "b"], "a, b"),
        ("2026-11-21T09:30:00.123456Z", "2026-11-21 09:30:00"),
        ("2026-11-21T09:30:00+02:00", "2026-11-21T09:30:00+02:00"),
        ("a\x1b[31mb\nc", "a�[31mb�c"),
        ([{"a": "\x1b"}], '[{"a": "\\u001b"}]'),
    ],
)
def test_values(value: object, text: str) -> None:
    assert shown(value).plain == text


def test_a_record_shows_fields_in_fields() -> None:
    console = Console(file=io.StringIO())
    show_record(console, {"a": 1, "b": {"c": None, "d": "x"}, "e": {}})
    assert [line.split() for line in console.file.getvalue().splitlines()] == [  # type: ignore[attr-defined]
        ["a", "1"],
        ["b.c", "–"],
        ["b.d", "x"],
        ["e", "{}"],
    ]


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, ["b 2 3"]),
        (None, {"a": 1}, ["a – 1"]),
        ({"a": {"b": 1}}, None, ["a.b 1 –"]),
    ],
)
def test_a_change_shows_what_differs(before: object, after: object, lines: list[str]) -> None:
    console = Console(file=io.StringIO())
    show_change(console, {"before": before, "after": after})
    _, *rows = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert [" ".join(row.split()) for row in rows] == lines


def test_a_change_of_nothing_is_told_in_words() -> None:
    console = Console(file=io.StringIO())
    show_change(console, {"before": {"a": 1}, "after": {"a": 1}})
    assert console.file.getvalue() == "Nothing would change.\n"  # type: ignore[attr-defined]
