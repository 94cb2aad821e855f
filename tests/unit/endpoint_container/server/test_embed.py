"""The embed task over HTTP: what it answers, and every way in which a request can be wrong."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.endpoint_container import fake_embedders, fakes
from tests.unit.endpoint_container.server.test_inspect import assert_problem, png_header

LIMITS = {"max_inputs": 3, "max_photos": 1, "max_photo_bytes": 60_000, "max_pixels": 100_000, "max_text_chars": 100}
TEXT = {"id": "a", "text": "red shirt"}


@pytest.fixture
def photo(encoded_photo: Callable[..., bytes]) -> str:
    return base64.b64encode(encoded_photo()).decode()


def ask(client: Any, *inputs: dict[str, Any], **changes: Any) -> Any:
    return client.post("/invocations", json={"task": "embed", "inputs": list(inputs), **changes})


def test_inputs_are_answered_in_their_order(start: Any, photo: str) -> None:
    response = ask(start(fake_embedders.Embeds), {"id": "p", "photo": photo}, TEXT)
    assert response.status_code == 200
    content = response.json()
    assert content["embeddings"] == [{"id": "p", "vector": [0.0, 1.0]}, {"id": "a", "vector": [1.0, 0.0]}]
    assert (content["dimension"], content["model"]["name"]) == (2, "fake-embedder")
    assert content["usage"] == {"texts": 1, "photos": 1, "prompt_tokens": 3}
    assert {"queue", "decode", "language", "vision", "total"} <= set(content["timings_ms"])


@pytest.mark.parametrize(
    ("inputs", "code", "field"),
    [
        ([], "no_inputs", "inputs"),
        ("red shirt", "invalid_field", "inputs"),
        ([{"id": str(n), "text": "x"} for n in range(4)], "too_many_inputs", "inputs"),
        ([{"id": str(n), "photo": "AAAA"} for n in range(2)], "too_many_photos", "inputs"),
        ([TEXT, TEXT], "duplicate_id", "inputs"),
        ([{"text": "x"}], "missing_field", "inputs[0].id"),
        ([{"id": "a b", "text": "x"}], "invalid_field", "inputs[0].id"),
        ([TEXT, {"id": "b"}], "missing_field", "inputs[1]"),
        ([{"id": "b", "text": None, "photo": None}], "missing_field", "inputs[0]"),
        ([{"id": "b", "text": "x", "photo": "AAAA"}], "ambiguous_input", "inputs[0]"),
        ([{"id": "b", "text": "x", "weight": 2}], "unknown_field", "inputs[0].weight"),
        ([{"id": "b", "text": 7}], "invalid_field", "inputs[0].text"),
        ([TEXT, {"id": "b", "text": " \n"}], "empty_text", "inputs[1].text"),
        ([{"id": "b", "text": "x" * 101}], "text_too_long", "inputs[0].text"),
        ([{"id": "b", "photo": "not base64!"}], "not_base64", "inputs[0].photo"),
        ([{"id": "b", "photo": ""}], "not_an_image", "inputs[0].photo"),
        ([{"id": "b", "photo": "aGVsbG8="}], "not_an_image", "inputs[0].photo"),
        ([{"id": "b", "photo": "A" * 80_004}], "photo_too_large", "inputs[0].photo"),
        ([{"id": "b", "photo": base64.b64encode(png_header(400, 300)).decode()}], "too_many_pixels", "inputs[0].photo"),
    ],
)
def test_a_wrong_input_is_named(start: Any, inputs: Any, code: str, field: str) -> None:
    client = start(fake_embedders.Embeds, **LIMITS)
    response = client.post("/invocations", json={"task": "embed", "inputs": inputs})
    assert_problem(response, 422, code)
    assert response.json()["field"] == field


def test_other_fields_are_unknown(start: Any) -> None:
    client = start(fake_embedders.Embeds)
    assert_problem(ask(client, TEXT, dimension=3), 422, "unknown_field")
    assert_problem(client.post("/invocations", json={"task": "embed"}), 422, "missing_field")


@pytest.mark.parametrize(
    "model",
    [
        fake_embedders.EmbedsNaN,
        fake_embedders.EmbedsLongVectors,
        fake_embedders.EmbedsAnotherDimension,
        fake_embedders.ForgetsAnInput,
    ],
)
def test_what_is_no_embedding_never_leaves(start: Any, model: Any) -> None:
    assert_problem(ask(start(model), TEXT), 500, "model_output_invalid")


def test_a_task_of_another_family_is_refused_with_what_the_model_does(start: Any, body: dict[str, Any]) -> None:
    refused = start(fake_embedders.Embeds).post("/invocations", json=body)
    assert_problem(refused, 422, "unsupported_task")
    assert refused.json()["detail"] == "This model does: embed."
    refused = ask(start(fakes.PicksFirst), TEXT)
    assert_problem(refused, 422, "unsupported_task")
    assert refused.json()["detail"] == "This model does: inspect."


def test_the_real_model_names_what_it_cannot_take(start: Any, load_clip: Any, photo: str) -> None:
    client = start(load_clip)
    assert client.get("/ping").json() == {"state": "READY"}
    damaged = base64.b64encode(base64.b64decode(photo)[:-3_000]).decode()
    for inputs, code, field in (
        ([TEXT, {"id": "b", "text": "x" * 200}], "text_too_long", "inputs[1].text"),
        ([{"id": "b", "text": "<|endoftext|>"}], "control_token", "inputs[0].text"),
        ([TEXT, {"id": "b", "photo": damaged}], "truncated_image", "inputs[1].photo"),
    ):
        response = ask(client, *inputs)
        assert_problem(response, 422, code)
        assert response.json()["field"] == field
    assert ask(client, TEXT, {"id": "p", "photo": photo}).status_code == 200
