"""How the command hands in photos: inline while they fit, uploaded else, addresses as they are."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from scrutineer.connection import GatewayConnection
from scrutineer.errors import UserError
from scrutineer.local.http_server import HttpServer
from scrutineer.photo_input import INLINE_BYTES, hand_in, is_address


class Gateway:
    """Gives out uploads, and is the bucket that they go to; `refused` is what the bucket then answers."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.stored: dict[str, tuple[str, bytes]] = {}
        self.keys_shown: list[str | None] = []
        self.refused: Response | None = None
        self.url = ""

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/uploads", self.uploads, methods=["POST"]),
                Route("/bucket", self.bucket, methods=["POST"]),
            ]
        )

    async def uploads(self, request: Request) -> Response:
        asked = await request.json()
        self.asked.append(asked)
        made = [
            {
                "upload_id": f"upl_{index}",
                "url": f"{self.url}/bucket",
                "fields": {"key": f"uploads/upl_{index}", "Content-Type": media_type, "policy": "signed"},
            }
            for index, media_type in enumerate(asked["media_types"])
        ]
        return JSONResponse({"uploads": made}, status_code=201)

    async def bucket(self, request: Request) -> Response:
        self.keys_shown.append(request.headers.get("x-api-key"))
        body = await request.body()
        parts = body.split(request.headers["content-type"].partition("boundary=")[2].encode())[1:-1]
        fields = {}
        for part in parts:
            head, _, value = part.partition(b"\r\n\r\n")
            fields[head.partition(b'name="')[2].partition(b'"')[0].decode()] = value.removesuffix(b"\r\n--")
        assert list(fields)[-1] == "file", "S3 ignores what comes behind the file"
        self.stored[fields["key"].decode()] = (fields["Content-Type"].decode(), fields["file"])
        return self.refused or Response(status_code=204)


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def connection(gateway: Gateway) -> Iterator[GatewayConnection]:
    server = HttpServer(gateway.app(), name="gateway")
    server.start()
    gateway.url = server.url
    connection = GatewayConnection(server.url, "scr_key")
    yield connection
    connection.close()
    server.stop()


def files(folder: Path, *contents: bytes) -> list[Path]:
    paths = [folder / f"{index}.jpg" for index in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return paths


def test_files_that_fit_are_in_the_request(gateway: Gateway, connection: GatewayConnection, tmp_path: Path) -> None:
    half = b"x" * (INLINE_BYTES // 2)
    found = hand_in(files(tmp_path, half, half), connection)
    assert [base64.b64decode(each["data"]) for each in found] == [half, half]
    assert gateway.asked == []


def test_files_that_do_not_fit_are_uploaded(gateway: Gateway, connection: GatewayConnection, tmp_path: Path) -> None:
    contents = [
        b"\xff\xd8\xff" + b"x" * INLINE_BYTES,
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\0\0\0\0WEBP",
        b"\0\0\0\x18ftypheic",
        b"text",
    ]
    found = hand_in(files(tmp_path, *contents), connection)
    types = ["image/jpeg", "image/png", "image/webp", "image/heic", "image/jpeg"]
    assert found == [{"name": f"{index}.jpg", "upload_id": f"upl_{index}"} for index in range(5)]
    assert gateway.asked == [{"count": 5, "media_types": types}]
    assert gateway.stored == {
        f"uploads/upl_{index}": pair for index, pair in enumerate(zip(types, contents, strict=True))
    }
    assert set(gateway.keys_shown) == {None}, "the bucket is told the gateway's key"


def test_addresses_stay_what_they_are(gateway: Gateway, connection: GatewayConnection, tmp_path: Path) -> None:
    large, small = files(tmp_path, b"x" * (INLINE_BYTES + 1), b"y")
    found = hand_in([large, "https://a.example/1.jpg", small, "s3://bucket/2.jpg"], connection)
    assert found == [
        {"name": "0.jpg", "upload_id": "upl_0"},
        {"url": "https://a.example/1.jpg"},
        {"name": "1.jpg", "upload_id": "upl_1"},
        {"url": "s3://bucket/2.jpg"},
    ]


def test_refused_upload_is_told_with_its_reason(
    gateway: Gateway, connection: GatewayConnection, tmp_path: Path
) -> None:
    gateway.refused = Response(
        "<Error><Code>EntityTooLarge</Code><Message>Your proposed upload is too large.</Message></Error>", 400
    )
    with pytest.raises(UserError, match="400 Your proposed upload is too large"):
        hand_in(files(tmp_path, b"x" * (INLINE_BYTES + 1)), connection)
    gateway.refused = Response("no XML", 503)
    with pytest.raises(UserError, match="503 Service Unavailable"):
        hand_in(files(tmp_path, b"x" * (INLINE_BYTES + 1)), connection)


def test_missing_file(connection: GatewayConnection, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        hand_in([tmp_path / "none.jpg"], connection)


@pytest.mark.parametrize(
    ("photo", "address"),
    [("https://a/b", True), ("s3://a/b", True), ("http://a/b", False), ("a.jpg", False), ("s3/a.jpg", False)],
)
def test_what_is_an_address(photo: str, address: bool) -> None:
    assert is_address(photo) is address
