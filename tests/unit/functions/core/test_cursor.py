"""Cursors: ours come back, junk is refused."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cursor import decode_cursor, encode_cursor
from core.errors import InvalidRequest


@given(st.integers(0, 2**64 - 1))
def test_round_trip(sequence: int) -> None:
    cursor = encode_cursor(sequence)
    assert decode_cursor(cursor) == sequence
    assert cursor.isascii()
    assert not set(cursor) & set("+/=&?# ")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "zzzz",
        "ü",
        "=",
        *(
            base64.urlsafe_b64encode(each).decode()
            for each in (b"before:", b"after:1", b"before:-1", b"before:1.5", b"before:1 OR 1", b"before:" + b"9" * 21)
        ),
    ],
)
def test_junk(cursor: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        decode_cursor(cursor)
    assert raised.value.field == "cursor"


@given(st.text(max_size=100))
def test_any_text_is_decoded_or_refused(cursor: str) -> None:
    try:
        assert decode_cursor(cursor) >= 0
    except InvalidRequest:
        return
