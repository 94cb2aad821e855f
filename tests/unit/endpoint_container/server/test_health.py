"""/ping in every state a server can be in."""

import time
from typing import Any

import pytest
from starlette.testclient import TestClient

from server.health import NEXT, Health, State
from tests.unit.endpoint_container import fakes


def test_ping_answers_while_the_model_loads(start: Any, body: dict[str, Any]) -> None:
    load = fakes.LoadsLater()
    client = start(load, wait=False)

    started = time.perf_counter()
    response = client.get("/ping")

    assert (response.status_code, response.json()) == (503, {"state": "STARTING"})
    assert time.perf_counter() - started < 2
    refused = client.post("/invocations", json=body)
    assert (refused.status_code, refused.json()["code"]) == (503, "not_ready")
    assert refused.headers["retry-after"] == "5"
    load.gate.set()
    wait_for(client, "READY")


def test_ping_is_200_only_after_the_self_test(start: Any) -> None:
    assert start(fakes.PicksFirst).get("/ping").json() == {"state": "READY"}
    assert start(fakes.FailsItsSelfTest).get("/ping").status_code == 503


@pytest.mark.parametrize(
    ("load", "reason"),
    [
        (fakes.FailsAtLoad(), "the sha256 differs"),
        (fakes.BreaksAtLoad(), "MemoryError"),
        (fakes.FailsItsSelfTest, "no answer came out"),
    ],
)
def test_a_failed_load_is_never_healthy_and_its_reason_is_in_the_log(
    start: Any, body: dict[str, Any], caplog: pytest.LogCaptureFixture, load: Any, reason: str
) -> None:
    caplog.set_level("INFO", "endpoint")
    client = start(load)

    response = client.get("/ping")

    assert (response.status_code, response.json()) == (503, {"state": "SETUP_FAILED"})
    assert reason in str([vars(record).get("fields") for record in caplog.records])
    refused = client.post("/invocations", json=body)
    assert (refused.status_code, "retry-after" in refused.headers) == (503, False)


@pytest.mark.parametrize("model", [fakes.DiesInRun, fakes.LosesItsAccelerator])
def test_a_model_that_is_lost_is_defunct(start: Any, body: dict[str, Any], model: Any) -> None:
    client = start(model)

    response = client.post("/invocations", json=body)

    assert (response.status_code, response.json()["code"]) == (503, "model_defunct")
    wait_for(client, "DEFUNCT")
    assert client.get("/ping").status_code == 503
    assert client.post("/invocations", json=body).json()["code"] == "not_ready"


def test_final_states_are_final() -> None:
    for final in (State.SETUP_FAILED, State.DEFUNCT):
        health = Health()
        assert health.move(final)
        assert not any(health.move(state) for state in State)
        assert health.state is final
    assert set(NEXT) == set(State)


def wait_for(client: TestClient, state: str) -> None:
    """Poll /ping until it names the state; fail after 5 s."""
    deadline = time.perf_counter() + 5
    while client.get("/ping").json()["state"] != state:
        assert time.perf_counter() < deadline
        time.sleep(0.005)
