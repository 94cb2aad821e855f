"""Requests that wait together are served together, and fail alone."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from tests.unit.endpoint_container import fakes


class Callers:
    """One request holds the model while others come behind it."""

    def __init__(self, client: Any, model: fakes.Waits, pool: ThreadPoolExecutor) -> None:
        self.client, self.model, self.pool = client, model, pool

    def send(self, bodies: list[dict[str, Any]]) -> list[tuple[int, str]]:
        """Status and code (or empty) of each answer; all wait in line, in any order, before the first is done."""
        first = self.pool.submit(self.client.post, "/invocations", json=bodies[0])
        assert self.model.started.acquire(timeout=5)
        others: list[Future[Any]] = []
        for body in bodies[1:]:
            others.append(self.pool.submit(self.client.post, "/invocations", json=body))
        wait_until(self.client, waiting=len(others))
        self.model.gate.set()
        answers = [future.result() for future in (first, *others)]
        return [(answer.status_code, answer.json().get("code", "")) for answer in answers]


def wait_until(client: Any, waiting: int) -> None:
    """Until so many jobs are in the line behind the one that runs."""
    while len(client.app.state.line) < waiting:
        time.sleep(0.002)


def named(body: dict[str, Any], name: str) -> dict[str, Any]:
    return {**body, "photos": [{**body["photos"][0], "id": name}]}


@pytest.mark.parametrize(
    ("room", "settings", "sizes"),
    [
        (100, {}, [1, 6]),
        (100, {"max_batch_tokens": 250}, [1, 2, 2, 2]),
        (100, {"max_batch_tiles": 3}, [1, 3, 3]),
        (3, {}, [1, 6, 3, 3]),
        (1, {"max_batch_tiles": 4}, [1, 4, 2, 1, 1, 2, 1, 1, 2, 1, 1]),
    ],
)
def test_who_waits_together_is_served_together(
    start: Any, body: dict[str, Any], room: int, settings: dict[str, int], sizes: list[int]
) -> None:
    model = fakes.Batches(room)
    with ThreadPoolExecutor(8) as pool:
        answers = Callers(start(lambda: model, **settings), model, pool).send([named(body, "x")] * 7)
    assert answers == [(200, "")] * 7
    assert model.sizes == sizes


def test_what_cannot_fit_alone_fails_alone(start: Any, body: dict[str, Any]) -> None:
    model = fakes.Batches()
    names = ["first", "a", "b", "poison", "c", "d"]
    with ThreadPoolExecutor(8) as pool:
        client = start(lambda: model)
        answers = Callers(client, model, pool).send([named(body, name) for name in names])
    expected = dict.fromkeys(names, (200, "")) | {"poison": (422, "out_of_memory")}
    assert answers == list(expected.values())
    assert client.get("/ping").status_code == 200
    assert "endpoint_batch_splits_total" in client.get("/metrics").text


def test_one_that_dies_takes_nobody_down_without_an_answer(start: Any, body: dict[str, Any]) -> None:
    class Dies(fakes.Batches):
        def run_batch(self, batch: Any) -> Any:
            raise SystemExit(3)

    model = Dies()
    with ThreadPoolExecutor(8) as pool:
        answers = Callers(start(lambda: model), model, pool).send([body] * 4)
    assert answers == [(200, ""), *[(503, "model_defunct")] * 3]
