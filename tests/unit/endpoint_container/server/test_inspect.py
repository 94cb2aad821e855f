"""Every way in which an inspect request can be wrong, and the code and field it is told."""

import base64
import copy
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from tests.unit.endpoint_container import fakes

LIMITS = {
    "max_photos": 2, "max_photo_bytes": 60_000, "max_pixels": 100_000, "max_tiles": 6, "max_questions": 3,
    "max_answers": 4, "max_text_chars": 100, "max_body_bytes": 200_000,
    "generation_slots": 0,
}  # fmt: skip


def question(**changes: Any) -> dict[str, Any]:
    return {"id": "q", "text": "Is it?", "answers": ["yes", "no"], **changes}


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def in_format(name: str) -> bytes:
    file = BytesIO()
    Image.new("RGB", (8, 8)).save(file, name)
    return file.getvalue()


BODY_FAULTS: list[tuple[dict[str, Any], str, str | None]] = [
    ({"task": "dance"}, "unknown_task", "task"),
    ({"task": None}, "unknown_task", "task"),
    ({"task": ["inspect"]}, "unknown_task", "task"),
    ({"photos": []}, "no_photos", "photos"),
    ({"photos": "front"}, "invalid_field", "photos"),
    ({"photos": [{"id": "a"}]}, "missing_field", "photos[0].data"),
    ({"photos": [{"id": "", "data": ""}]}, "invalid_field", "photos[0].id"),
    ({"photos": [{"id": "a", "data": 7}]}, "invalid_field", "photos[0].data"),
    ({"item": None}, "invalid_field", "item"),
    ({"item": {"description": " "}}, "empty_text", "item.description"),
    ({"item": {"description": "x" * 101}}, "text_too_long", "item.description"),
    ({"item": {"description": "x", "attributes": {"size": "x" * 101}}}, "text_too_long", "item.attributes"),
    ({"item": {"description": "x", "attributes": {"size": ["M"]}}}, "invalid_field", None),
    ({"item": {"description": "x", "price": 3}}, "unknown_field", "item.price"),
    ({"surprise": 1}, "unknown_field", "surprise"),
    ({"questions": []}, "no_questions", "questions"),
    ({"questions": [question(id=str(n)) for n in range(4)]}, "too_many_questions", "questions"),
    ({"questions": [question(), question()]}, "duplicate_id", "questions"),
    ({"questions": [question(text="")]}, "empty_text", "questions[0].text"),
    ({"questions": [question(text="x" * 101)]}, "text_too_long", "questions[0].text"),
    ({"questions": [question(answers=["yes"])]}, "too_few_answers", "questions[0].answers"),
    ({"questions": [question(answers=[])]}, "too_few_answers", "questions[0].answers"),
    ({"questions": [question(answers=list("abcde"))]}, "too_many_answers", "questions[0].answers"),
    ({"questions": [question(answers=["yes", "Yes "])]}, "duplicate_answer", "questions[0].answers"),
    ({"questions": [question(answers=["yes", ""])]}, "empty_text", "questions[0].answers[1]"),
    ({"questions": [question(answers=["yes", 1])]}, "invalid_field", "questions[0].answers[1]"),
    ({"explain": True}, "explain_unavailable", "explain"),
    ({"explain": "yes"}, "invalid_field", "explain"),
    ({"tiles": 6}, "invalid_field", "tiles"),
    ({"tiles": {"most": 6}}, "unknown_field", "tiles.most"),
    ({"tiles": {"first": "1"}}, "invalid_field", "tiles.first"),
    ({"tiles": {"first": 0}}, "too_many_tiles", "tiles.first"),
    ({"tiles": {"first": 7}}, "too_many_tiles", "tiles.first"),
    ({"tiles": {"first": 1, "closer": [7]}}, "too_many_tiles", "tiles.closer[0]"),
    ({"tiles": {"first": 2, "closer": [2]}}, "invalid_field", "tiles.closer[0]"),
    ({"tiles": {"closer": [1]}}, "invalid_field", "tiles.closer[0]"),
    ({"tiles": {"closer": [4, 3]}}, "invalid_field", "tiles.closer[1]"),
]


@pytest.mark.parametrize(("changes", "code", "field"), BODY_FAULTS)
def test_a_wrong_field_is_named(
    start: Any, body: dict[str, Any], changes: dict[str, Any], code: str, field: str | None
) -> None:
    response = start(fakes.PicksFirst, **LIMITS).post("/invocations", json={**body, **changes})
    assert_problem(response, 422, code)
    assert field is None or response.json()["field"] == field


@pytest.mark.parametrize("field", ["task", "photos", "item", "questions"])
def test_a_missing_field_is_named(start: Any, body: dict[str, Any], field: str) -> None:
    del body[field]
    response = start(fakes.PicksFirst).post("/invocations", json=body)
    assert_problem(response, 422, "unknown_task" if field == "task" else "missing_field")
    assert response.json()["field"] == field


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "not_an_image"),
        (b"GIF89a" + bytes(100), "not_an_image"),
        (in_format("GIF"), "not_an_image"),
        (in_format("TIFF"), "not_an_image"),
        (bytes(60_001), "photo_too_large"),
        (bytes(90_000), "photo_too_large"),
        (png_header(400, 300), "too_many_pixels"),
        (png_header(60_000, 60_000), "too_many_pixels"),
        (png_header(30_000, 4_000), "too_many_pixels"),
    ],
)
def test_a_photo_is_judged_by_its_header(start: Any, body: dict[str, Any], data: bytes, code: str) -> None:
    twice = copy.deepcopy(body)
    twice["photos"].append({"id": "bad", "data": base64.b64encode(data).decode()})
    response = start(fakes.PicksFirst, **LIMITS).post("/invocations", json=twice)
    assert_problem(response, 422, code)
    assert response.json()["field"] == "photos[1].data"


@pytest.mark.parametrize("data", ["not base64!", "AAA", "data:image/png;base64,AAAA", "AA\nAA", "ÄÖÜ="])
def test_data_has_to_be_base64(start: Any, body: dict[str, Any], data: str) -> None:
    body["photos"][0]["data"] = data
    response = start(fakes.PicksFirst).post("/invocations", json=body)
    assert_problem(response, 422, "not_base64")
    assert response.json()["field"] == "photos[0].data"


def test_photos_are_counted_and_told_apart(start: Any, body: dict[str, Any]) -> None:
    client, photo = start(fakes.PicksFirst, **LIMITS), body["photos"][0]
    assert_problem(client.post("/invocations", json={**body, "photos": [photo] * 3}), 422, "too_many_photos")
    assert_problem(client.post("/invocations", json={**body, "photos": [photo] * 2}), 422, "duplicate_id")


def test_a_task_of_another_family_is_refused(start: Any, body: dict[str, Any]) -> None:
    assert_problem(start(fakes.DoesNothing).post("/invocations", json=body), 422, "unsupported_task")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_the_usual_formats_are_accepted(
    start: Any, body: dict[str, Any], encoded_photo: Callable[..., bytes], format: str
) -> None:
    body["photos"][0]["data"] = base64.b64encode(encoded_photo(format=format)).decode()
    assert start(fakes.PicksFirst).post("/invocations", json=body).status_code == 200


def assert_problem(response: Any, status: int, code: str) -> None:
    """A problem+json with this status and code."""
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"
