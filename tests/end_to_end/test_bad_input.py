"""What must be refused is refused at the gateway's own address, in one shape, and leaves nothing behind."""

import base64
import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from PIL import Image

from scrutineer.local.stack import LocalStack

Stored = Callable[..., list[tuple[Any, ...]]]
MEMORY_LIMIT_MB = 200


def encoded(data: bytes) -> dict[str, str]:
    return {"data": base64.b64encode(data).decode()}


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.radial_gradient("L").resize((640, 640)).save(buffer, "JPEG")
    return buffer.getvalue()


def bomb() -> bytes:
    """A PNG of about 516 kB that unpacks to 177 megapixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    side, packer = 13_300, zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1 + side * 3)) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def with_photo(body: dict[str, Any], data: bytes) -> dict[str, Any]:
    body["photos"][1] = encoded(data)
    return body


CASES: dict[str, tuple[Callable[[dict[str, Any]], Any], int, str, str | None]] = {
    "unknown field": (lambda body: body | {"client_id": "client_x"}, 400, "invalid_request", "client_id"),
    "unknown field of a photo": (
        lambda body: body | {"photos": [{**body["photos"][0], "path": "x"}]},
        400,
        "invalid_request",
        "photos[0].path",
    ),
    "no photos": (lambda body: body | {"photos": []}, 400, "invalid_request", "photos"),
    "too few photos": (lambda body: body | {"photos": body["photos"][:2]}, 400, "photo_count", "photos"),
    "50 photos": (lambda body: body | {"photos": [{"data": "AAAA"}] * 50}, 400, "invalid_request", "photos"),
    "text named .jpg": (lambda body: with_photo(body, b"not a photo"), 400, "invalid_photo", "photos[1].data"),
    "zero bytes": (lambda body: body | {"photos": [{"data": ""}] * 3}, 400, "invalid_request", "photos[0].data"),
    "truncated JPEG": (lambda body: with_photo(body, jpeg()[:-500]), 400, "invalid_photo", "photos[1].data"),
    "not base64": (lambda body: body | {"photos": [{"data": "?"}] * 3}, 400, "invalid_photo", "photos[0].data"),
    "unknown checklist": (lambda body: body | {"checklist": "none"}, 400, "unknown_checklist", "checklist"),
    "no item": (lambda body: {k: v for k, v in body.items() if k != "item"}, 400, "invalid_request", "item"),
}


@pytest.mark.parametrize("case", CASES)
def test_is_refused_by_name_and_nothing_is_stored(
    client: httpx.Client, body: dict[str, Any], stored: Stored, case: str
) -> None:
    spoil, status, code, field = CASES[case]
    before = stored("SELECT COUNT(*) FROM rvpxbverification_request_data")
    answer = client.post("/v1/inspections", json=spoil(body))
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem.get("field")) == (status, code, field), problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert stored("SELECT COUNT(*) FROM rvpxbverification_request_data") == before


def test_not_json(client: httpx.Client) -> None:
    answer = client.post("/v1/inspections", content=b"{", headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "not_json")


def test_a_decompression_bomb_is_refused_in_little_memory(
    stack: LocalStack, client: httpx.Client, body: dict[str, Any]
) -> None:
    data = bomb()
    assert len(data) < 600_000
    answer = client.post("/v1/inspections", json=with_photo(body, data))
    assert (answer.status_code, answer.json()["code"]) == (413, "photo_too_large")
    for slot in stack.functions["InspectionsFunction"].slots():
        assert peak_memory_mb(slot.pid) < MEMORY_LIMIT_MB


def peak_memory_mb(pid: int) -> float:
    with open(f"/proc/{pid}/status") as status:
        lines = dict(line.split(":", 1) for line in status)
    return int(lines["VmHWM"].split()[0]) / 1024


def test_a_body_beyond_the_gateways_limit(client: httpx.Client) -> None:
    answer = client.post(
        "/v1/inspections", content=b'"' + b"x" * 11_000_000 + b'"', headers={"content-type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "scr_wrong"}, {"x-api-key": ""}])
def test_a_missing_or_wrong_key(stack: LocalStack, headers: dict[str, str]) -> None:
    answer = httpx.get(f"{stack.url}/v1/inspections", headers=headers, trust_env=False)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["content-type"] == "application/problem+json"


def test_another_clients_inspection_looks_like_an_unknown_one(
    client: httpx.Client, body: dict[str, Any], stack: LocalStack
) -> None:
    inspection_id = client.post("/v1/inspections", json=body, headers={"Prefer": "wait=25"}).json()["id"]
    with stack.database.open() as connection, connection.cursor() as cursor:
        cursor.execute(
            "UPDATE rvpxbverification_request_data SET client_id = 'client_other' WHERE inspection_id = %s",
            (inspection_id,),
        )
        connection.commit()
    foreign = client.get(f"/v1/inspections/{inspection_id}")
    unknown = client.get("/v1/inspections/insp_bbbbbbbbbbbbbbbbbbbbbbbbbb")
    malformed = client.get("/v1/inspections/1")
    assert foreign.status_code == unknown.status_code == malformed.status_code == 404
    assert foreign.content == unknown.content == malformed.content


def test_an_unknown_route(client: httpx.Client) -> None:
    answer = client.get("/v1/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_route")
