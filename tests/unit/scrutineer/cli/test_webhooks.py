"""`scrutineer webhooks` against a gateway that holds requests and answers to the functions' own contract."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from scrutineer.local.http_server import HttpServer
from tests.unit.scrutineer.cli.conftest import Command, Done
from webhooks.contract import (
    DeliveryPage,
    Endpoint,
    EndpointChange,
    EndpointList,
    IssuedEndpoint,
    NewEndpoint,
    Replay,
    Replayed,
    SecretRotation,
)

AT, HOOK, SECRET = "2026-11-21T09:30:00Z", "hook_a", "whsec_c2VjcmV0"
ENDPOINT = {
    "endpoint_id": HOOK,
    "url": "https://receiver.example/",
    "events": ["*"],
    "disabled_at": None,
    "disabled_why": None,
    "old_secret_until": None,
    "created_at": AT,
    "updated_at": AT,
}
DELIVERY = {
    "delivery_id": "msg_a",
    "message_id": "msg_a",
    "event": "inspection.passed",
    "inspection_id": "insp_a",
    "batch_id": None,
    "replay_of": None,
    "state": "dead",
    "attempts": 10,
    "next_at": None,
    "last_status": 500,
    "last_error": "The receiver answered 500.",
    "created_at": AT,
    "updated_at": AT,
}


class WebhookApi:
    """`asked` holds (method, path, body); a long replay takes two requests."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        raw = await request.body()
        body = json.loads(raw) if raw else None
        path = request.url.path.removeprefix("/dev/v1/webhooks")
        self.asked.append((request.method, path, body))
        await self._answer(request.method, path, body)(scope, receive, send)

    def _answer(self, method: str, path: str, body: Any) -> Response:
        match method, path.split("/")[2:] if path else None:
            case "GET", None:
                found: Any = EndpointList(endpoints=[Endpoint.model_validate(ENDPOINT)])
            case "POST", None:
                NewEndpoint.model_validate(body)
                found = IssuedEndpoint.model_validate({**ENDPOINT, "secret": SECRET})
            case "PATCH", []:
                EndpointChange.model_validate(body)
                found = Endpoint.model_validate(ENDPOINT)
            case "DELETE", []:
                return Response(status_code=204)
            case "POST", ["rotate"]:
                SecretRotation.model_validate(body)
                found = IssuedEndpoint.model_validate({**ENDPOINT, "secret": SECRET})
            case "GET", ["deliveries"]:
                found = DeliveryPage.model_validate({"deliveries": [DELIVERY], "next_cursor": None})
            case "POST", ["test"]:
                return JSONResponse(DELIVERY, 202)
            case _:
                Replay.model_validate(body)
                more = body.get("since") == "2026-01-01T00:00:00Z"
                found = Replayed.model_validate({"replayed": 3, "more": more, "next_since": AT if more else None})
        return JSONResponse(found.model_dump(mode="json"))


@pytest.fixture
def hooks() -> Iterator[tuple[WebhookApi, str]]:
    api = WebhookApi()
    server = HttpServer(api, name="webhook-api")
    server.start()
    yield api, f"{server.url}/dev"
    server.stop()


@pytest.fixture
def run(command: Command, hooks: tuple[WebhookApi, str]) -> Callable[..., Done]:
    return lambda *words: command("webhooks", *words, "--url", hooks[1])


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["list"], ("GET", "", None)),
        (["add", "https://r.example/"], ("POST", "", {"url": "https://r.example/"})),
        (
            ["add", "https://r.example/", "--event", "inspection.failed", "--event", "batch.finished"],
            ("POST", "", {"url": "https://r.example/", "events": ["inspection.failed", "batch.finished"]}),
        ),
        (["update", HOOK, "--disable"], ("PATCH", f"/{HOOK}", {"disabled": True})),
        (["update", HOOK, "--enable"], ("PATCH", f"/{HOOK}", {"disabled": False})),
        (["remove", HOOK, "--yes"], ("DELETE", f"/{HOOK}", None)),
        (["rotate", HOOK], ("POST", f"/{HOOK}/rotate", {})),
        (["rotate", HOOK, "--overlap", "2h"], ("POST", f"/{HOOK}/rotate", {"overlap_s": 7200})),
        (["test", HOOK], ("POST", f"/{HOOK}/test", None)),
        (["deliveries", HOOK, "--state", "dead"], ("GET", f"/{HOOK}/deliveries", None)),
        (["replay", HOOK, "--delivery", "msg_a"], ("POST", f"/{HOOK}/replay", {"delivery_id": "msg_a"})),
    ],
)
def test_each_command_asks_this(
    run: Callable[..., Done], hooks: tuple[WebhookApi, str], words: list[str], asked: tuple[str, str, Any]
) -> None:
    assert run(*words).code == 0
    assert hooks[0].asked == [asked]


def test_the_secret_is_shown_with_a_word_on_it(run: Callable[..., Done]) -> None:
    done = run("add", "https://r.example/")
    assert f"Secret: {SECRET}" in done.out
    assert "can't be shown again" in done.err
    assert json.loads(run("rotate", HOOK, "--json").out)["secret"] == SECRET


def test_the_log_shows_why(run: Callable[..., Done]) -> None:
    shown = run("deliveries", HOOK).out
    for part in ("msg_a", "insp_a", "dead", "10", "The receiver answered 500."):
        assert part in shown


def test_a_long_span_is_replayed_to_its_end(run: Callable[..., Done], hooks: tuple[WebhookApi, str]) -> None:
    done = run("replay", HOOK, "--since", "2026-01-01T00:00:00Z", "--state", "dead")
    assert "6" in done.out
    assert [body["since"] for _, _, body in hooks[0].asked] == ["2026-01-01T00:00:00Z", AT]


@pytest.mark.parametrize(
    "words",
    [["replay", HOOK], ["update", HOOK], ["update", HOOK, "--enable", "--disable"], ["listen", "--secret", "x"]],
)
def test_a_mistake_is_told_and_nothing_asked(
    run: Callable[..., Done], command: Command, hooks: tuple[WebhookApi, str], words: list[str]
) -> None:
    done = command("webhooks", *words) if words[0] == "listen" else run(*words)
    assert (done.code, hooks[0].asked) == (1, [])
    assert "Error: " in done.err
