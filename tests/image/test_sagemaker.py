"""The image as SageMaker runs it: `docker run <image> serve`, the model's files read-only, no network, SIGTERM.

https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.image.engine import Answer, Container, Engine

PING_LIMIT_S = 2
# EnableNetworkIsolation leaves a container nothing but its own loopback.
ISOLATED = ("--network", "none", "--read-only", "--tmpfs", "/tmp")


def model(folder: Path) -> tuple[str, str]:
    return "--volume", f"{folder}:/opt/ml/model:ro"


@pytest.fixture(scope="module")
def served(engine: Engine, image: str, artifact: Path) -> Iterator[tuple[Container, list[Answer]]]:
    """A container that came up, and what /ping said on the way."""
    with engine.container(image, [*ISOLATED, *model(artifact)]) as container:
        yield container, container.pings_until_ready()


def test_ping_is_prompt_and_says_yes_only_after_a_first_inference(served: tuple[Container, list[Answer]]) -> None:
    container, pings = served
    assert [answer.status for answer in pings[:-1]] == [503] * (len(pings) - 1)
    assert len(pings) > 1, "it answered before the model was there"
    assert (pings[-1].status, pings[-1].content) == (200, {"state": "READY"})
    assert max(answer.seconds for answer in pings) < PING_LIMIT_S
    events = [line["event"] for line in container.log()]
    # The golden photos were inspected before `loaded`; without them there is a line that says so.
    assert events.index("starting") < events.index("loaded") < events.index("health")
    assert "no_golden_photo" not in events


def test_an_inspection_is_answered_as_it_was_pinned(
    served: tuple[Container, list[Answer]], inspection: dict[str, Any], golden: dict[str, Any]
) -> None:
    container, _ = served
    answer = container.ask("POST", "/invocations", inspection)
    assert answer.status == 200
    found = {each["id"]: each["probabilities"] for each in answer.content["answers"]}
    assert found.keys() == golden["probabilities"].keys()
    for question, probabilities in golden["probabilities"].items():
        assert found[question] == pytest.approx(probabilities, abs=golden["tolerance"]), question


def test_sigterm_ends_it_in_time_and_well(engine: Engine, image: str, artifact: Path) -> None:
    with engine.container(image, [*ISOLATED, *model(artifact)]) as container:
        container.pings_until_ready()
        started = time.monotonic()
        assert container.stop() == 0
        assert time.monotonic() - started < 30
        assert container.log()[-1]["event"] == "stopped"


def test_sigterm_ends_it_while_it_loads(engine: Engine, image: str, artifact: Path) -> None:
    with engine.container(image, [*ISOLATED, *model(artifact)]) as container:
        # Python itself is there by then, and for seconds imports what the server needs.
        time.sleep(0.5)
        started = time.monotonic()
        assert container.stop() == 0
        assert time.monotonic() - started < 30


def test_it_writes_nothing_but_below_tmp(
    engine: Engine, image: str, artifact: Path, inspection: dict[str, Any]
) -> None:
    with engine.container(image, ["--network", "none", *model(artifact)]) as container:
        container.pings_until_ready()
        assert container.ask("POST", "/invocations", inspection).status == 200
        # The engine itself makes the folder that the model is mounted to.
        mounted = {"/opt", "/opt/ml", "/opt/ml/model"}
        assert [path for path in container.changed() if path not in mounted and not path.startswith("/tmp")] == []


def test_a_model_that_is_no_model_never_says_yes(engine: Engine, image: str, tmp_path: Path) -> None:
    with engine.container(image, [*ISOLATED, *model(tmp_path)]) as container:
        assert container.pings_until_ready()[-1].content == {"state": "SETUP_FAILED"}
        assert container.ask("GET", "/ping").status == 503
        assert container.stop() == 0


def test_another_command_is_refused(engine: Engine, image: str) -> None:
    with engine.container(image, ISOLATED, ["train"]) as container:
        assert container.wait() == 1
        assert engine.run("logs", container.name) == ""


def test_the_port_may_be_chosen(engine: Engine, image: str, artifact: Path) -> None:
    labels = engine.inspect(image)["Config"]["Labels"]
    assert labels["com.amazonaws.sagemaker.capabilities.accept-bind-to-port"] == "true"
    options = [*ISOLATED, *model(artifact), "--env", "SAGEMAKER_BIND_TO_PORT=8081"]
    with engine.container(image, options) as container:
        deadline = time.monotonic() + 30
        while not (lines := container.log()) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert lines[0]["port"] == 8081
