"""One request's way through the server, and what others notice of it."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import pytest

from server.app import create_app
from server.settings import Settings
from tests.unit.endpoint_container import fakes


def test_an_inspection_is_answered(start: Any, body: dict[str, Any]) -> None:
    response = start(fakes.PicksFirst).post("/invocations", json=body)

    content = response.json()
    assert response.status_code == 200
    assert content["answers"] == [
        {"id": "damaged", "answer": "no", "probabilities": {"no": 0.75, "yes": 0.25}},
        {"id": "kind", "answer": "shirt", "probabilities": {"shirt": 0.75, "shoe": 0.125, "bag": 0.125}},
    ]
    assert content["explanation"] is None
    assert content["model"] == {"name": "fake", "version": "1", "digest": "0" * 64}
    assert content["usage"]["photos"] == 1
    assert set(content["timings_ms"]) >= {"queue", "decode", "vision", "language", "total"}


def test_the_legacy_route_is_the_same(start: Any, body: dict[str, Any]) -> None:
    client = start(fakes.PicksFirst)
    assert (
        client.post("/process_request", json=body).json()["answers"]
        == client.post("/invocations", json=body).json()["answers"]
    )


@pytest.mark.parametrize(
    ("header", "value", "logged_as"),
    [
        ("X-Amzn-SageMaker-Inference-Id", "01J-abc", "01J-abc"),
        ("X-Inference-Id", "01J-abc", "01J-abc"),
        ("X-Inference-Id", 'x", "level": "forged', None),
    ],
)
def test_a_call_can_be_found_in_the_log(
    start: Any, body: dict[str, Any], caplog: pytest.LogCaptureFixture, header: str, value: str, logged_as: str | None
) -> None:
    caplog.set_level("INFO", "endpoint")
    start(fakes.PicksFirst).post("/invocations", json=body, headers={header: value})
    line = next(vars(record)["fields"] for record in caplog.records if record.message == "invocation")
    assert line["inference_id"] == logged_as


def test_optional_fields_may_be_null(start: Any, body: dict[str, Any]) -> None:
    item = {"description": "red shirt", "attributes": None, "sku": None}
    response = start(fakes.PicksFirst).post("/invocations", json={**body, "item": item, "tiles": {"first": None}})
    assert response.status_code == 200


def test_a_failing_request_harms_no_other(start: Any, body: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    client = start(fakes.RaisesInRun)
    bad = {**body, "photos": [*body["photos"], {**body["photos"][0], "id": "back"}]}

    response = client.post("/invocations", json=bad)

    assert (response.status_code, response.json()["code"]) == (500, "model_failed")
    assert fakes.SECRET not in response.text
    assert fakes.SECRET not in logged(caplog)
    assert client.get("/ping").status_code == 200
    assert client.post("/invocations", json=body).status_code == 200


def test_what_nobody_foresaw_is_a_problem_without_a_trace(
    start: Any, body: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    response = start(fakes.RaisesInPrepare).post("/invocations", json=body)

    assert (response.status_code, response.json()["code"]) == (500, "internal_error")
    assert "Traceback" not in response.text
    assert fakes.SECRET not in response.text + logged(caplog)


@pytest.mark.parametrize("model", [fakes.ReturnsNaN, fakes.IsTooSure, fakes.ForgetsAQuestion])
def test_unusable_output_never_leaves(start: Any, body: dict[str, Any], model: Any) -> None:
    response = start(model).post("/invocations", json=body)
    assert (response.status_code, response.json()["code"]) == (500, "model_output_invalid")


def test_overflow_is_refused_at_once_and_the_rest_is_served(start: Any, body: dict[str, Any]) -> None:
    model = fakes.Waits()
    client = start(lambda: model, max_queue=1)
    with ThreadPoolExecutor() as callers:
        running = callers.submit(client.post, "/invocations", json=body)
        assert model.started.acquire(timeout=5)
        assert (client.get("/ping").status_code, client.get("/ping").json()) == (200, {"state": "BUSY"})
        others = [callers.submit(client.post, "/invocations", json=body) for _ in range(2)]
        # Which of the two takes the one place left is chance; the other is told at once.
        refused = next(as_completed(others, timeout=5)).result()

        assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
        assert int(refused.headers["retry-after"]) >= 1
        model.gate.set()
        assert running.result().status_code == 200
        assert sorted(other.result().status_code for other in others) == [200, 503]


def test_who_hangs_up_while_waiting_is_skipped(body: dict[str, Any]) -> None:
    model = fakes.Waits()
    named = {name: {**body, "photos": [{**body["photos"][0], "id": name}]} for name in ("first", "gone", "last")}

    async def scenario() -> list[int]:
        app = create_app(Settings(), lambda: model)
        async with app.router.lifespan_context(app):
            while not app.state.health.serving:
                await asyncio.sleep(0.002)
            first = asyncio.create_task(call(app, named["first"]))
            await asyncio.to_thread(model.started.acquire, timeout=5)
            hang_up = asyncio.Event()
            gone = asyncio.create_task(call(app, named["gone"], hang_up))
            await asyncio.sleep(0.1)
            last = asyncio.create_task(call(app, named["last"]))
            hang_up.set()
            status_of_gone = await gone
            model.gate.set()
            return [await first, status_of_gone, await last]

    assert asyncio.run(scenario()) == [200, 499, 200]
    assert model.ran == ["first", "last"]


def test_who_hangs_up_while_served_leaves_the_model_alone(body: dict[str, Any]) -> None:
    model = fakes.Waits()

    async def scenario() -> list[int]:
        app = create_app(Settings(), lambda: model)
        async with app.router.lifespan_context(app):
            while not app.state.health.serving:
                await asyncio.sleep(0.002)
            hang_up = asyncio.Event()
            gone = asyncio.create_task(call(app, body, hang_up))
            await asyncio.to_thread(model.started.acquire, timeout=5)
            hang_up.set()
            status_of_gone = await gone
            model.gate.set()
            return [status_of_gone, await call(app, body)]

    assert asyncio.run(scenario()) == [499, 200]


def test_who_hangs_up_while_sending_is_no_error(body: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> int:
        app = create_app(Settings(), fakes.PicksFirst)
        async with app.router.lifespan_context(app):
            hang_up = asyncio.Event()
            hang_up.set()
            return await call(app, body, hang_up, cut_off=True)

    assert asyncio.run(scenario()) == 499
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def call(app: Any, body: dict[str, Any], hang_up: asyncio.Event | None = None, cut_off: bool = False) -> int:
    """POST /invocations over bare ASGI, so that the caller can hang up; returns the status."""
    messages = [{"type": "http.request", "body": json.dumps(body).encode(), "more_body": cut_off}]
    status = 0

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await (hang_up or asyncio.Event()).wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    scope = {
        "type": "http", "method": "POST", "path": "/invocations", "headers": [], "query_string": b"",
        "http_version": "1.1", "scheme": "http", "server": ("test", 80), "client": ("test", 1), "root_path": "",
    }  # fmt: skip
    await app(scope, receive, send)
    return status


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """All that was logged, with every field."""
    return "".join(str(vars(record)) for record in caplog.records)


def test_questions_in_doubt_are_looked_at_closer(start: Any, body: dict[str, Any]) -> None:
    model = fakes.LooksCloser()
    client = start(lambda: model)
    response = client.post("/invocations", json={**body, "tiles": {"first": 1, "closer": [6, 12]}}).json()
    assert model.looks == [1, 6, 12]
    assert [answer["probabilities"] for answer in response["answers"]] == [
        {"no": 0.5, "yes": 0.5},
        {"shirt": 0.75, "shoe": 0.125, "bag": 0.125},
    ]
    usage = response["usage"]
    assert (usage["looks"], usage["closer_questions"], usage["prompt_tokens"]) == (3, 1, 30)
    assert response["timings_ms"]["vision"] == 3.0
    scraped = client.get("/metrics").text
    assert "endpoint_closer_looks_total 2.0" in scraped
    assert "endpoint_closer_questions_total 1.0" in scraped


def test_a_closer_look_without_room_leaves_the_answers_as_they_are(
    start: Any, body: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "endpoint")
    model = fakes.LooksCloser(room=6)
    response = start(lambda: model).post("/invocations", json={**body, "tiles": {"first": 1, "closer": [6, 12]}})
    assert response.status_code == 200
    assert response.json()["usage"]["looks"] == 2
    assert "follow_up_left_out" in [record.message for record in caplog.records]


def test_a_closer_look_that_fails_fails_its_request(start: Any, body: dict[str, Any]) -> None:
    class FailsAtTheSecond(fakes.LooksCloser):
        def run(self, prepared: Any) -> Any:
            if prepared.asked is not None:
                raise RuntimeError
            return super().run(prepared)

    client = start(FailsAtTheSecond)
    response = client.post("/invocations", json={**body, "tiles": {"first": 1, "closer": [6]}})
    assert (response.status_code, response.json()["code"]) == (500, "model_failed")
