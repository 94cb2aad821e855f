"""One JSON shape for every error, whatever goes wrong before a task is even chosen."""

import re
from pathlib import Path
from typing import Any

import pytest

from models.errors import PROBLEMS
from server.settings import Settings
from tests.unit.endpoint_container import fakes

README = Path(__file__).parents[4] / "endpoint_container" / "README.md"
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"", JSON, 400, "malformed_json"),
        (b"{", JSON, 400, "malformed_json"),
        (b"[1]", JSON, 400, "malformed_json"),
        (b'{"max_tiles": NaN}', JSON, 400, "malformed_json"),
        (b"\xff\xfe\xfa", JSON, 400, "malformed_json"),
        (b"[" * 100_000, JSON, 400, "malformed_json"),
        (b'{"task": ' + b"9" * 5_000 + b"}", JSON, 400, "malformed_json"),
        (rb'{"item": {"description": "\uD800"}}', JSON, 400, "malformed_json"),
        (rb'{"\ude00": 1}', JSON, 400, "malformed_json"),
        (rb'{"task": "\ud83d\ude00"}', JSON, 422, "unknown_task"),
        (b"{}", {"content-type": "image/jpeg"}, 415, "unsupported_media_type"),
        (b" " * 200_001, JSON, 413, "body_too_large"),
        (b"{}", {"content-type": "application/json; charset=utf-8"}, 422, "unknown_task"),
        (b"{}", {}, 422, "unknown_task"),
    ],
)
def test_a_body_that_is_no_request(start: Any, content: bytes, headers: dict[str, str], status: int, code: str) -> None:
    response = start(fakes.PicksFirst, max_body_bytes=200_000).post("/invocations", content=content, headers=headers)
    assert (response.status_code, response.json()["code"]) == (status, code)


def test_a_body_without_a_length_is_cut_off_at_the_limit(start: Any) -> None:
    response = start(fakes.PicksFirst, max_body_bytes=10).post(
        "/invocations", content=(b"12345" for _ in range(3)), headers=JSON
    )
    assert response.json()["code"] == "body_too_large"


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/", 404), ("GET", "/docs", 404), ("PUT", "/ping", 405)]
)
def test_other_routes_are_problems_too(start: Any, method: str, path: str, status: int) -> None:
    response = start(fakes.PicksFirst).request(method, path)
    assert (response.status_code, response.json()["status"]) == (status, status)
    assert response.headers["content-type"] == "application/problem+json"


def test_the_shape_is_pinned(start: Any, body: dict[str, Any]) -> None:
    response = start(fakes.PicksFirst).post("/invocations", json={**body, "photos": []})
    assert response.json() == {
        "type": "urn:scrutineer:problem:no_photos",
        "title": "There are no photos",
        "status": 422,
        "detail": "Send at least one photo.",
        "code": "no_photos",
        "field": "photos",
    }


def test_the_readme_names_every_setting_and_every_code() -> None:
    words = set(re.findall(r"`(\w+)`", README.read_text(encoding="utf-8")))
    assert {name.upper() for name in Settings.__dataclass_fields__} <= words
    assert set(PROBLEMS) <= words
