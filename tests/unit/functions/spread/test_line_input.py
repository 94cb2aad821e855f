"""A bad line is told by its number and its field, and nothing of what is in it."""

import json
from typing import Any

import pytest

from core.errors import InvalidRequest, NotJson
from core.lanes import Lane
from spread.line_input import custom_id_of, parse
from tests.fakes.batches import good_line

SECRET = "canary-value"


def as_line(content: Any) -> bytes:
    return content if isinstance(content, bytes) else json.dumps(content).encode() + b"\n"


def test_a_right_line_is_bulk_work_by_its_own_name() -> None:
    request = parse(1, as_line(good_line(custom_id="AWB-1", reference="r")))
    assert (request.custom_id, request.reference, request.lane, len(request.photos)) == ("AWB-1", "r", Lane.BULK, 3)
    assert parse(1, as_line(good_line(lane="bulk"))).lane is Lane.BULK


def test_a_byte_order_mark_and_a_carriage_return_do_no_harm() -> None:
    assert parse(1, b"\xef\xbb\xbf" + json.dumps(good_line()).encode() + b"\r\n").checklist == "reverse-pickup"


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (good_line() | {"photos": []}, "photos"),
        (good_line() | {"item": {"description": ""}}, "item.description"),
        (good_line() | {"item": {}}, "item.description"),
        (good_line() | {"canary": SECRET}, "canary"),
        (good_line() | {"custom_id": "x" * 101}, "custom_id"),
        (good_line() | {"custom_id": 7}, "custom_id"),
        (good_line() | {"lane": "interactive"}, "lane"),
        (good_line() | {"client_id": SECRET}, "client_id"),
        (good_line() | {"photos": [{"data": ""}]}, "photos[0].data"),
        ({"item": SECRET}, "checklist"),
    ],
)
def test_the_detail_names_line_and_field(content: Any, field: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        parse(17, as_line(content))
    assert raised.value.field == field
    assert raised.value.detail.startswith(f"Line 17: {field}: ")
    assert SECRET not in raised.value.detail


@pytest.mark.parametrize("content", [b"", b"\n", b"{", b"canary-value", b"\xff\xfe", b"[" * 5000, b"{} {}"])
def test_what_is_no_json_is_told_so(content: bytes) -> None:
    with pytest.raises(NotJson) as raised:
        parse(3, content)
    assert raised.value.detail == "Line 3 is not valid JSON."


@pytest.mark.parametrize("content", [[good_line()], None, 7, "text"])
def test_json_of_another_kind_is_no_inspection(content: Any) -> None:
    with pytest.raises(InvalidRequest):
        parse(1, as_line(content))


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ({"custom_id": "a", "photos": 7}, "a"),
        ({"custom_id": 7}, None),
        ({"custom_id": "x" * 101}, None),
        ({}, None),
        (b"{", None),
        (["a"], None),
    ],
)
def test_a_wrong_line_keeps_its_name_where_it_has_one(content: Any, name: str | None) -> None:
    assert custom_id_of(as_line(content)) == name
