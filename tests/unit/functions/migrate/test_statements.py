"""A file of SQL falls into its statements where MySQL would end them, and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.statements import statements


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ()),
        (" ;; \n;", ()),
        ("-- only a comment; really\n", ()),
        ("SELECT 1", ("SELECT 1",)),
        ("SELECT 1;\nSELECT 2;", ("SELECT 1", "SELECT 2")),
        ("SELECT 1; -- not; this\nSELECT 2", ("SELECT 1", "SELECT 2")),
        ("SELECT 1 /* nor; this */, 2;", ("SELECT 1  , 2",)),
        ("# nor; this\nSELECT 1", ("SELECT 1",)),
        ("SELECT 5--1;", ("SELECT 5--1",)),
        ("--\nSELECT 1", ("SELECT 1",)),
        (
            "INSERT INTO t VALUES ('a;b', 'it''s; -- so', 'a\\';b');",
            ("INSERT INTO t VALUES ('a;b', 'it''s; -- so', 'a\\';b')",),
        ),
        ('SELECT "a;b", `c;d`;', ('SELECT "a;b", `c;d`',)),
        ("SELECT '/*'; SELECT '*/'", ("SELECT '/*'", "SELECT '*/'")),
    ],
)
def test_statements(text: str, found: tuple[str, ...]) -> None:
    assert statements(text) == found


TEXT = st.text("ab;'\"`-# /*\\\n")
PIECES = st.one_of(
    st.sampled_from(["SELECT 1", "a - b", "(x, y)"]),
    TEXT.map(lambda text: "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"),
    TEXT.map(lambda text: '"' + text.replace("\\", "\\\\").replace('"', '""') + '"'),
    TEXT.map(lambda text: "`" + text.replace("`", "") + "`"),
)
COMMENTS = st.one_of(
    TEXT.map(lambda text: "-- " + text.replace("\n", " ") + "\n"),
    TEXT.map(lambda text: "/* " + text.replace("*/", "") + " */"),
    st.just(""),
)


@given(st.lists(st.tuples(st.lists(PIECES, min_size=1, max_size=3), COMMENTS), max_size=5))
def test_what_was_written_comes_back_whole(parts: list[tuple[list[str], str]]) -> None:
    """Whatever stands in strings, names and comments."""
    written = [" ".join(pieces) for pieces, _ in parts]
    text = ";".join(f"{comment}{statement}" for statement, (_, comment) in zip(written, parts, strict=True))
    assert statements(text) == tuple(statement.strip() for statement in written)
