"""The connection against a real HTTP server: what is sent, and every way in which an answer can be none."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from scrutineer.connection import GatewayConnection
from scrutineer.errors import RequestFailed, UserError
from scrutineer.local.http_server import HttpServer

KEY = "scr_" + "K" * 43


class Gateway:
    """An ASGI application that always gives `answer`; remembers what it was asked."""

    def __init__(self) -> None:
        self.answer: Response = JSONResponse({"ok": True}, headers={"gateway-records": "pending"})
        self.asked: list[tuple[str, str, str, bytes]] = []
        self.key: str | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.asked.append((request.method, request.url.path, request.url.query, await request.body()))
        self.key = request.headers.get("x-api-key")
        await self.answer(scope, receive, send)


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def url(gateway: Gateway) -> Iterator[str]:
    server = HttpServer(gateway, name="gateway")
    server.start()
    yield f"{server.url}/dev/"
    server.stop()


@contextmanager
def connected(url: str, key: str = KEY, **options: Any) -> Iterator[GatewayConnection]:
    connection = GatewayConnection(url, key, **options)
    yield connection
    connection.close()


def test_an_answer_comes_with_its_headers(gateway: Gateway, url: str) -> None:
    with connected(url) as connection:
        answer = connection.request("POST", "/v1/things", json={"a": 1}, params={"dry_run": "true"})
    assert (answer.content, answer.headers["Gateway-Records"]) == ({"ok": True}, "pending")
    assert gateway.asked == [("POST", "/dev/v1/things", "dry_run=true", b'{"a":1}')]
    assert gateway.key == KEY


def test_nothing_is_an_answer_too(gateway: Gateway, url: str) -> None:
    gateway.answer = Response(status_code=204)
    with connected(url) as connection:
        assert connection.request("DELETE", "/v1/things").content == {}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (JSONResponse({"code": "c", "detail": "No.", "field": "f"}, 400), "400 c: No. (field f)"),
        (JSONResponse({"code": "c", "detail": "No."}, 429, {"retry-after": "7"}), "429 c: No. Come back in 7 s."),
        (JSONResponse({"code": "c"}, 503, {"retry-after": "2"}), "503 c: Not now. Come back in 2 s."),
        (JSONResponse({"message": "Forbidden"}, 403), "403 unknown: no detail was given"),
        (Response("<html>", 502), "502 not_json: the answer is not JSON; is this the address of a Scrutineer?"),
        (Response("<html>"), "200 not_json: the answer is not JSON; is this the address of a Scrutineer?"),
        (JSONResponse(["a"]), "200 not_json: the answer is not JSON; is this the address of a Scrutineer?"),
        (Response(status_code=302), "302 not_json: the answer is not JSON; is this the address of a Scrutineer?"),
        (Response(b"\xff\xfe\xfa", 200), "200 not_json: the answer is not JSON; is this the address of a Scrutineer?"),
    ],
)
def test_what_is_no_success_is_told_in_one_line(gateway: Gateway, url: str, answer: Response, said: str) -> None:
    gateway.answer = answer
    with connected(url) as connection, pytest.raises(RequestFailed) as refused:
        connection.request("GET", "/v1/things")
    assert str(refused.value) == said
    assert refused.value.status == answer.status_code


@pytest.mark.parametrize("key", ["", "scr_ä", "scr_\n", "scr_\x00", " scr_k", "scr_k ", "scr k"])
def test_a_key_that_can_be_none_is_refused_without_repeating_it(key: str) -> None:
    with pytest.raises(UserError, match="characters that no key has") as refused:
        GatewayConnection("https://gateway.example", key)
    assert not key.strip() or key.strip() not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["http://[::1/dev", "http://a b/dev", "https://gateway.example:port", "http://127.0.0.1:99999", "a\x00b"]
)
def test_an_address_that_can_be_none_is_told(url: str) -> None:
    with pytest.raises(UserError, match=r"is no address|can't be reached") as refused, connected(url) as connection:
        connection.request("GET", "/v1/things")
    assert KEY not in str(refused.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "gateway.example", "", "ftp://127.0.0.1"])
def test_a_gateway_that_is_not_there(url: str) -> None:
    with connected(url) as connection, pytest.raises(UserError, match="can't be reached") as refused:
        connection.request("GET", "/v1/things")
    assert KEY not in str(refused.value)


def test_a_text_in_another_encoding_is_not_sent(gateway: Gateway, url: str) -> None:
    with connected(url) as connection, pytest.raises(UserError, match="not valid Unicode"):
        connection.request("POST", "/v1/things", json={"name": "fa\udce7ade.jpg"})
    assert gateway.asked == []


def test_every_request_is_waited_for(url: str) -> None:
    waits: list[str] = []

    @contextmanager
    def waiting() -> Iterator[None]:
        waits.append("asked")
        yield
        waits.append("answered")

    with connected(url, waiting=waiting) as connection:
        connection.request("GET", "/v1/things")
        connection.request("GET", "/v1/things")
    assert waits == ["asked", "answered"] * 2
