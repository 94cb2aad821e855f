"""The client against a real HTTP server that answers as the gateway does."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from scrutineer.client import Client
from scrutineer.errors import RequestFailed, UserError
from scrutineer.local.http_server import HttpServer


class Gateway:
    """Final only at the third look; remembers what it was sent."""

    def __init__(self) -> None:
        self.looks = 0
        self.received: dict[str, Any] = {}
        self.headers: dict[str, str] = {}
        self.refusal: Response | None = None

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/inspections", self.create, methods=["POST"]),
                Route("/v1/inspections/{id}", self.get),
            ]
        )

    async def create(self, request: Request) -> Response:
        self.received, self.headers = await request.json(), dict(request.headers)
        return self.refusal or JSONResponse(
            {"id": "insp_1", "state": "accepted", "held_until": None, "final": False}, status_code=202
        )

    async def get(self, request: Request) -> Response:
        self.looks += 1
        return JSONResponse({"id": "insp_1", "state": "passed", "held_until": None, "final": self.looks >= 2})


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def client(gateway: Gateway) -> Iterator[Client]:
    server = HttpServer(gateway.app(), name="gateway")
    server.start()
    with Client(server.url, "scr_key") as client:
        yield client
    server.stop()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "front.jpg"
    path.write_bytes(b"\xff\xd8\xff")
    return path


def test_asks_until_the_inspection_is_final(gateway: Gateway, client: Client, photo: Path) -> None:
    heard: list[str] = []
    inspection = client.inspect(
        [photo],
        item={"description": "red shoe"},
        checklist="reverse-pickup",
        reference="AWB-1",
        idempotency_key="k",
        waiting=heard.append,
    )
    assert inspection["final"]
    assert heard == ["accepted", "passed"]
    assert gateway.received == {
        "checklist": "reverse-pickup",
        "item": {"description": "red shoe"},
        "photos": [{"name": "front.jpg", "data": base64.b64encode(b"\xff\xd8\xff").decode()}],
        "reference": "AWB-1",
    }
    assert (gateway.headers["x-api-key"], gateway.headers["idempotency-key"]) == ("scr_key", "k")


def test_does_not_wait_when_told_not_to(gateway: Gateway, client: Client, photo: Path) -> None:
    assert not client.inspect([photo], item={"description": "x"}, checklist="c", wait_s=0)["final"]
    assert gateway.headers["prefer"] == "respond-async"
    assert gateway.looks == 0


def test_a_problem_and_a_key_that_can_be_none_are_the_users_to_mend(
    gateway: Gateway, client: Client, photo: Path
) -> None:
    problem = {"code": "photo_count", "detail": "Too few.", "field": "photos"}
    gateway.refusal = JSONResponse(problem, status_code=400)
    with pytest.raises(RequestFailed, match=r"400 photo_count: Too few\. \(field photos\)"):
        client.inspect([photo], item={"description": "x"}, checklist="c")
    with pytest.raises(UserError, match="characters that no key has"):
        Client("https://gateway.example", "scr_ä")


@pytest.mark.parametrize("idempotency_key", ["", "ä", "a b", "a\n"])
def test_an_idempotency_key_that_no_header_can_hold(
    gateway: Gateway, client: Client, photo: Path, idempotency_key: str
) -> None:
    with pytest.raises(UserError, match="idempotency key"):
        client.inspect([photo], item={"description": "x"}, checklist="c", idempotency_key=idempotency_key)
    assert gateway.received == {}


def test_a_photo_or_gateway_that_is_not_there(client: Client, photo: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        client.inspect([photo.with_name("none.jpg")], item={"description": "x"}, checklist="c")
    with Client("http://127.0.0.1:9", "k") as nobody, pytest.raises(UserError, match="can't be reached"):
        nobody.get("insp_1")
