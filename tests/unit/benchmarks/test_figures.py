"""Percentiles, tables, and the markers between which a document's table is replaced."""

from pathlib import Path

import pytest

from benchmarks.figures import markdown_table, median, percentile, spread, write_between


@pytest.mark.parametrize(("share", "value"), [(0.5, 10), (0.95, 19), (0.99, 20), (1.0, 20)])
def test_a_percentile_is_a_value_that_was_measured(share: float, value: float):
    assert percentile([float(n) for n in range(20, 0, -1)], share) == value


def test_one_value_is_every_percentile():
    assert [percentile([7.0], share) for share in (0.01, 0.5, 0.99)] == [7.0, 7.0, 7.0]


def test_median_and_spread_tell_the_middle_and_both_ends():
    assert median([5.0, 1.0, 9.0]) == 5.0
    assert spread([5.0, 1.0, 9.25]) == "1.0 to 9.2"


def test_a_table_keeps_texts_left_and_numbers_right():
    rows = [{"way": "a", "a minute": 12.34}, {"way": "longer", "a minute": 0.1234}]
    assert markdown_table(rows).splitlines() == [
        "| way    | a minute |",
        "| ------ | -------: |",
        "| a      |     12.3 |",
        "| longer |    0.123 |",
    ]


def test_only_what_stands_between_the_markers_is_replaced(tmp_path: Path):
    document = tmp_path / "page.md"
    document.write_text("before\n<!-- engine -->\nold\n<!-- /engine -->\nbetween\n<!-- gpu -->\nkept\n<!-- /gpu -->\n")
    for text in ("new", "newer"):
        write_between(document, "engine", text)
    assert document.read_text() == (
        "before\n<!-- engine -->\nnewer\n<!-- /engine -->\nbetween\n<!-- gpu -->\nkept\n<!-- /gpu -->\n"
    )


@pytest.mark.parametrize("content", ["none", "<!-- engine --> open", "<!-- /engine --> closed"])
def test_a_document_without_both_markers_is_left_alone(tmp_path: Path, content: str):
    document = tmp_path / "page.md"
    document.write_text(content)
    with pytest.raises(ValueError, match="markers"):
        write_between(document, "engine", "new")
    assert document.read_text() == content


def test_the_performance_page_has_the_markers_that_the_benchmarks_write_between(tmp_path: Path):
    page = tmp_path / "performance.md"
    page.write_text((Path(__file__).parents[3] / "docs" / "performance.md").read_text())
    for name in ("engine", "sweep", "gpu"):
        write_between(page, name, "figures")
