"""The golden files in tests/contract/invocations, from the container's side."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models.interface import ModelOptions
from models.registry import load_model
from tests.unit.endpoint_container import fakes

GOLDEN = Path(__file__).parents[3] / "contract" / "invocations"
PROBLEMS: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "unknown_task": (fakes.PicksFirst, {"task": "dance"}),
    "unsupported_task": (fakes.PicksFirst, {"task": "embed"}),
    "no_photos": (fakes.PicksFirst, {"photos": []}),
    "not_an_image": (fakes.PicksFirst, {"photos": [{"id": "front", "data": "aGVsbG8="}]}),
    "explain_unavailable": (fakes.PicksFirst, {"explain": True}),
    "model_failed": (fakes.RaisesInRun, {}),
    "model_output_invalid": (fakes.ReturnsNaN, {}),
    "not_ready": (fakes.FailsAtLoad(), {}),
    "model_defunct": (fakes.LosesItsAccelerator, {}),
}


def golden(name: str) -> Any:
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def test_the_request_is_answered_in_the_shape_of_the_response(start: Any, checkpoint: Path) -> None:
    client = start(lambda: load_model(ModelOptions(checkpoint, threads=1, device="cpu")))
    response = client.post("/invocations", json=golden("inspect.request"))
    assert response.status_code == 200
    assert shape(response.json()) == shape(golden("inspect.response"))


def test_an_embed_request_is_answered_in_the_shape_of_its_response(start: Any, load_clip: Any) -> None:
    response = start(load_clip).post("/invocations", json=golden("embed.request"))
    assert response.status_code == 200
    assert shape(response.json()) == shape(golden("embed.response"))


@pytest.mark.parametrize(("kind", "family"), [("question", "checkpoint"), ("report", "blip2_checkpoint")])
@pytest.mark.parametrize("stream", [False, True])
def test_a_describe_request_is_answered_in_the_shape_of_its_response(
    start: Any, request: pytest.FixtureRequest, kind: str, family: str, stream: bool
) -> None:
    options = ModelOptions(request.getfixturevalue(family), threads=1, device="cpu", slots=5)
    body = {**golden(f"describe.{kind}.request"), "stream": stream}
    response = start(lambda: load_model(options)).post("/invocations", json=body)
    assert response.status_code == 200
    answer = json.loads(response.text.splitlines()[-1])
    expected = golden(f"describe.{kind}.response")
    if kind == "report":
        # A model without training may leave a value empty.
        for content in (answer, expected):
            for name in ("kind", "colour", "material"):
                content["description"]["report"][name] = ""
    assert shape(answer) == shape(expected)


@pytest.mark.parametrize("code", PROBLEMS)
def test_problems_are_the_golden_ones(start: Any, code: str) -> None:
    model, changes = PROBLEMS[code]
    settings = {"generation_slots": 0} if code == "explain_unavailable" else {}
    response = start(model, **settings).post("/invocations", json={**golden("inspect.request"), **changes})
    expected = golden(f"problem.{code}")
    assert response.json() == expected
    assert (response.status_code, expected["code"]) == (expected["status"], code)


def test_every_golden_problem_is_tested() -> None:
    assert {path.name for path in GOLDEN.glob("problem.*.json")} == {f"problem.{code}.json" for code in PROBLEMS}


def shape(value: Any) -> Any:
    """Names and types without the values; texts stay where they are names."""
    if isinstance(value, dict):
        return {name: shape(content) for name, content in value.items()}
    if isinstance(value, list):
        return [shape(content) for content in value]
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
