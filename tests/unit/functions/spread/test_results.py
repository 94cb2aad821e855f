"""Results are safe to open in a spreadsheet."""

import csv
import io

import pytest

from spread.results import COLUMNS, harmless, json_line, table_row


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "=cmd|' /C calc'!A0", '=HYPERLINK("x")']
)
def test_a_formula_becomes_text(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize(("cell", "shown"), [("AWB-1", "AWB-1"), ("a=b", "a=b"), (7, 7), (None, ""), ("", "")])
def test_all_else_stays(cell: str | int | None, shown: str | int) -> None:
    assert harmless(cell) == shown


def test_a_refused_line_in_both_files() -> None:
    row = {"line": 4, "custom_id": '=a,"b"\nc', "inspection_id": None, "code": "not_json", "detail": "Line 4 …"}
    assert json_line(row, None) == (
        b'{"line": 4, "custom_id": "=a,\\"b\\"\\nc", "inspection": null,'
        b' "error": {"code": "not_json", "detail": "Line 4 \xe2\x80\xa6"}}\n'
    )
    text = io.StringIO(newline="")
    csv.writer(text).writerow(table_row(row, None))
    (cells,) = csv.reader(io.StringIO(text.getvalue(), newline=""))
    shown = dict(zip(COLUMNS, cells, strict=True))
    assert (shown["line"], shown["state"], shown["code"]) == ("4", "refused", "not_json")
    assert shown["custom_id"] == '\'=a,"b"\nc'
