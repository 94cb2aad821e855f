"""Texts in slots, seen from outside: joined, told, given up, failed; and batches between their steps."""

import asyncio
import json
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from server.app import create_app
from server.settings import Settings
from tests.unit.endpoint_container import fake_writers, fakes
from tests.unit.endpoint_container.server.test_metrics import samples


@pytest.fixture
def caption(body: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """A describe request of the one small photo."""

    def make(max_new_tokens: int = 5, **changes: Any) -> dict[str, Any]:
        wanted = {"task": "describe", "kind": "caption", "photos": body["photos"], "max_new_tokens": max_new_tokens}
        return {**wanted, **changes}

    return make


def lines(response: Any) -> list[dict[str, Any]]:
    assert response.headers["content-type"] == "application/jsonlines"
    return [json.loads(line) for line in response.text.splitlines()]


def test_a_text_is_written_and_measured(start: Any, caption: Any) -> None:
    response = start(fake_writers.Writes).post("/invocations", json=caption())
    content = response.json()
    assert response.status_code == 200
    assert content["description"] == {"kind": "caption", "text": "abcde", "truncated": True}
    assert content["usage"] == {"photos": 1, "tiles": 1, "prompt_tokens": 10, "generated_tokens": 5}
    assert {"queue", "decode", "vision", "prefill", "generate", "total"} <= set(content["timings_ms"])


def test_a_short_text_overtakes_a_long_one(start: Any, caption: Any) -> None:
    model = fake_writers.Writes()
    client = start(lambda: model)
    model.writer.gate.clear()
    with ThreadPoolExecutor() as callers:
        long = callers.submit(client.post, "/invocations", json=caption(400))
        wait_until(lambda: model.writer.live == 1)
        model.writer.step_s = 0.002
        model.writer.gate.set()
        short = callers.submit(client.post, "/invocations", json=caption(3))
        assert short.result().json()["description"]["text"] == "abc"
        assert not long.done()
        assert len(long.result().json()["description"]["text"]) == 400


def test_no_more_are_written_at_once_than_there_are_slots(start: Any, caption: Any) -> None:
    model = fake_writers.Writes(fake_writers.Letters(slots=2, step_s=0.001))
    client = start(lambda: model)
    with ThreadPoolExecutor(6) as callers:
        answers = list(callers.map(lambda n: client.post("/invocations", json=caption(10 + n)), range(6)))
    assert [len(answer.json()["description"]["text"]) for answer in answers] == list(range(10, 16))
    assert model.writer.most == 2


def test_a_report_with_more_fields_than_slots_is_written_all_the_same(start: Any, caption: Any) -> None:
    model = fake_writers.Writes(fake_writers.Letters(slots=2))
    response = start(lambda: model).post("/invocations", json=caption(kind="report"))
    assert response.json()["description"]["report"]["text_visible"] is True
    assert (response.json()["usage"]["generated_tokens"], model.writer.most) == (25, 2)


def test_a_streamed_text_comes_in_pieces_and_ends_with_the_answer(start: Any, caption: Any) -> None:
    client = start(fake_writers.Writes)
    whole = client.post("/invocations", json=caption()).json()
    *pieces, last = lines(client.post("/invocations", json=caption(stream=True)))
    assert pieces == [{"text": letter} for letter in "abcde"]
    for content in (whole, last):
        del content["timings_ms"]
    assert last == whole
    fields = lines(client.post("/invocations", json=caption(kind="report", stream=True)))[:-1]
    assert sorted(field["field"] for field in fields) == ["colour", "condition", "kind", "material", "text_visible"]


def test_what_goes_wrong_before_the_first_piece_has_a_status(start: Any, caption: Any) -> None:
    client = start(fake_writers.Writes)
    response = client.post("/invocations", json=caption(0, stream=True))
    assert (response.status_code, response.json()["field"]) == (422, "max_new_tokens")
    assert response.headers["content-type"] == "application/problem+json"


def test_what_goes_wrong_on_the_way_is_the_last_line(start: Any, caption: Any) -> None:
    client = start(lambda: fake_writers.Writes(fake_writers.WritesNaN()))
    *pieces, last = lines(client.post("/invocations", json=caption(13, stream=True)))
    assert [piece["text"] for piece in pieces] == ["a", "b"]
    assert last["error"]["code"] == "model_output_invalid"
    found = samples(client)
    assert (found["endpoint_requests_total 500"], found["endpoint_slots_in_use"]) == (1, 0)


def test_a_text_that_fails_harms_no_other(start: Any, caption: Any) -> None:
    model = fake_writers.Writes(fake_writers.WritesNaN(step_s=0.002))
    client = start(lambda: model)
    model.writer.gate.clear()
    with ThreadPoolExecutor() as callers:
        calls = [callers.submit(client.post, "/invocations", json=caption(most)) for most in (20, 13, 30)]
        time.sleep(0.05)
        model.writer.gate.set()
        answers = [call.result() for call in calls]
    assert [answer.status_code for answer in answers] == [200, 500, 200]
    assert answers[1].json()["code"] == "model_output_invalid"
    assert model.writer.most >= 2
    assert client.get("/ping").json() == {"state": "READY"}


def test_who_finds_no_memory_beside_others_waits_and_who_finds_none_alone_fails(start: Any, caption: Any) -> None:
    writer = fake_writers.HasRoomForOne(step_s=0.001)
    client = start(lambda: fake_writers.Writes(writer))
    with ThreadPoolExecutor() as callers:
        calls = [callers.submit(client.post, "/invocations", json=caption(most)) for most in (40, 41, 42)]
        assert [call.result().status_code for call in calls] == [200, 200, 200]
    assert writer.refused > 0
    response = client.post("/invocations", json=caption(13))
    assert (response.status_code, response.json()["code"]) == (422, "out_of_memory")
    assert client.post("/invocations", json=caption(5)).status_code == 200


def test_a_writer_that_dies_leaves_nobody_without_an_answer(start: Any, caption: Any, body: dict[str, Any]) -> None:
    client = start(lambda: fake_writers.Writes(fake_writers.DiesWriting(step_s=0.01)))
    with ThreadPoolExecutor() as callers:
        plain = callers.submit(client.post, "/invocations", json=caption(50))
        streamed = callers.submit(client.post, "/invocations", json=caption(50, stream=True))
        assert (plain.result().status_code, plain.result().json()["code"]) == (503, "model_defunct")
        response = streamed.result()
        told = lines(response)[-1]["error"] if response.status_code == 200 else response.json()
        assert told["code"] in ("model_defunct", "not_ready")
    assert client.get("/ping").json() == {"state": "DEFUNCT"}
    assert client.post("/invocations", json=body).json()["code"] == "not_ready"


def test_an_inspection_does_not_wait_for_a_text_to_end(start: Any, caption: Any, body: dict[str, Any]) -> None:
    model = fake_writers.Writes(fake_writers.Letters(step_s=0.002))
    client = start(lambda: model)
    with ThreadPoolExecutor() as callers:
        text = callers.submit(client.post, "/invocations", json=caption(400))
        wait_until(lambda: model.writer.live == 1)
        assert client.get("/ping").json() == {"state": "BUSY"}
        assert client.post("/invocations", json=body).status_code == 200
        assert not text.done()
        assert text.result().status_code == 200
    wait_until(lambda: client.get("/ping").json() == {"state": "READY"})


def test_a_text_is_not_starved_by_batches(start: Any, caption: Any, body: dict[str, Any]) -> None:
    class Slow(fake_writers.Writes):
        def run(self, prepared: Any) -> Any:
            time.sleep(0.02)
            return super().run(prepared)

    model = Slow(fake_writers.Letters(step_s=0.001))
    client = start(lambda: model, max_queue=60)
    model.writer.gate.clear()
    with ThreadPoolExecutor(44) as callers:
        text = callers.submit(client.post, "/invocations", json=caption(60))
        wait_until(lambda: model.writer.live == 1)
        flood: list[Future[Any]] = [callers.submit(client.post, "/invocations", json=body) for _ in range(40)]
        wait_until(lambda: len(client.app.state.line) == 40)
        model.writer.gate.set()
        assert text.result().status_code == 200
        ended = sum(call.done() for call in flood)
        assert all(call.result().status_code == 200 for call in flood)
    # At one step a batch all would have ended; with as much time as the batches, writing takes a few of them.
    assert 0 < ended < 25


def test_who_hangs_up_frees_the_slot(caption: Any, body: dict[str, Any]) -> None:
    model = fake_writers.Writes(fake_writers.Letters(step_s=0.002))

    async def scenario(stream: bool) -> tuple[int, list[bytes]]:
        app = create_app(Settings(), lambda: model)
        async with app.router.lifespan_context(app):
            while not app.state.health.serving:
                await asyncio.sleep(0.002)
            hang_up, sent = asyncio.Event(), list[bytes]()
            gone = asyncio.create_task(call(app, caption(500, stream=stream), hang_up, sent))
            while not model.writer.texts or len(model.writer.texts[0].tokens) < 5:
                await asyncio.sleep(0.002)
            hang_up.set()
            status = await gone
            while model.writer.live:
                await asyncio.sleep(0.002)
            assert await call(app, caption(3), asyncio.Event(), []) == 200
            return status, sent

    started = model.writer.steps
    status, sent = asyncio.run(scenario(stream=True))
    assert status == 200
    assert 0 < len([chunk for chunk in sent if chunk]) < 100
    assert asyncio.run(scenario(stream=False))[0] == 499
    assert model.writer.steps - started < 400


def test_what_is_written_is_counted(start: Any, caption: Any) -> None:
    client = start(lambda: fake_writers.Writes(fake_writers.Letters(step_s=0.001)))
    client.post("/invocations", json=caption(20))
    found = samples(client)
    assert found["endpoint_generated_tokens_total"] == 20
    assert found["endpoint_decode_seconds_total"] >= 0.019
    assert found["endpoint_prefill_seconds_total"] > 0
    assert found["endpoint_first_token_seconds_count"] == 1
    assert found["endpoint_first_token_seconds_sum"] < 1
    assert found["endpoint_slots_in_use"] == 0
    assert found["endpoint_stage_seconds_count generate"] == 1


def test_a_model_that_only_inspects_says_so(start: Any, caption: Any) -> None:
    response = start(fakes.PicksFirst).post("/invocations", json=caption())
    assert (response.status_code, response.json()["code"]) == (422, "unsupported_task")
    assert response.json()["detail"] == "This model does: inspect."


async def call(app: Any, body: dict[str, Any], hang_up: asyncio.Event, sent: list[bytes]) -> int:
    """POST /invocations over bare ASGI, so that the caller can hang up; returns the status."""
    messages = [{"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}]
    status = 0

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await hang_up.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)
        sent.append(message.get("body", b""))

    scope = {
        "type": "http", "method": "POST", "path": "/invocations", "headers": [], "query_string": b"",
        "http_version": "1.1", "scheme": "http", "server": ("test", 80), "client": ("test", 1), "root_path": "",
    }  # fmt: skip
    await app(scope, receive, send)
    return status


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.perf_counter() + 10
    while not condition():
        assert time.perf_counter() < deadline
        time.sleep(0.002)
