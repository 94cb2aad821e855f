"""A manifest is counted and measured as it comes in, however it is cut up on its way."""

import random

import pytest

from batches.manifest import MAX_LINE_BYTES, MAX_LINES, InvalidManifest, ManifestTooLarge, count_lines
from core.batch_objects import split_lines


def counted(content: bytes) -> int:
    return count_lines(split_lines(iter([content])), "manifest")


@pytest.mark.parametrize(
    ("content", "lines"),
    [(b"{}", 1), (b"{}\n", 1), (b"{}\n{}", 2), (b"{}\r\n{}\r\n", 2), (b"{}\n\n{}\n", 3), (b"\n", 1)],
)
def test_lines_end_by_a_line_feed(content: bytes, lines: int) -> None:
    assert counted(content) == lines


def test_no_other_sign_ends_a_line() -> None:
    assert counted('{"a": "x\u2028y\u0085z\x0b\x0c"}\r{}'.encode()) == 1


def test_the_bounds_are_included() -> None:
    assert counted(b"{}\n" * MAX_LINES) == MAX_LINES
    assert counted(b"x" * (MAX_LINE_BYTES - 1) + b"\n") == 1


@pytest.mark.parametrize("content", [b"{}\n" * (MAX_LINES + 1), b"{}\n" + b"x" * (MAX_LINE_BYTES + 1)])
def test_too_large(content: bytes) -> None:
    with pytest.raises(ManifestTooLarge) as raised:
        counted(content)
    assert raised.value.field == "manifest"


def test_nothing_is_no_manifest() -> None:
    with pytest.raises(InvalidManifest):
        counted(b"")


def test_lines_are_the_same_wherever_the_stream_is_cut() -> None:
    content = b"first\n\nthird, longer\nlast"
    whole = [b"first\n", b"\n", b"third, longer\n", b"last"]
    cuts = random.Random(7)
    for _ in range(200):
        places = sorted(cuts.choices(range(len(content) + 1), k=cuts.randrange(6)))
        chunks = [content[start:end] for start, end in zip([0, *places], [*places, len(content)], strict=True)]
        assert list(split_lines(iter(chunks))) == whole
