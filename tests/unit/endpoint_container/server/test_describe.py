"""Every way in which a describe request can be wrong, and real models behind the route."""

from pathlib import Path
from typing import Any

import pytest

from models.description import REPORT_FIELDS as FIELDS
from models.description import Description, DescriptionRequest, DescriptionResult, Kind, check_description, report_value
from models.errors import EndpointError
from models.inspection import Usage
from models.interface import ModelOptions
from models.registry import load_model
from tests.unit.endpoint_container import fake_writers

LIMITS = {"max_photos": 2, "max_text_chars": 100, "max_tiles": 6, "max_new_tokens": 20}
FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"kind": "poem"}, "invalid_field", "kind"),
    ({"kind": None}, "invalid_field", "kind"),
    ({"photos": []}, "no_photos", "photos"),
    ({"photos": [{"id": "a", "data": "aGVsbG8="}]}, "not_an_image", "photos[0].data"),
    ({"photos": [{"id": "a", "data": "!"}]}, "not_base64", "photos[0].data"),
    ({"photos": [{"id": "a", "data": ""}] * 3}, "too_many_photos", "photos"),
    ({"question": None}, "missing_field", "question"),
    ({"question": " "}, "empty_text", "question"),
    ({"question": "x" * 1_000_000}, "text_too_long", "question"),
    ({"kind": "caption"}, "invalid_field", "question"),
    ({"max_new_tokens": 0}, "invalid_field", "max_new_tokens"),
    ({"max_new_tokens": 21}, "invalid_field", "max_new_tokens"),
    ({"max_new_tokens": "5"}, "invalid_field", "max_new_tokens"),
    ({"max_tiles": 7}, "too_many_tiles", "max_tiles"),
    ({"stream": "yes"}, "invalid_field", "stream"),
    ({"item": {"description": ""}}, "empty_text", "item.description"),
    ({"surprise": 1}, "unknown_field", "surprise"),
]


@pytest.fixture
def question(body: dict[str, Any]) -> dict[str, Any]:
    return {"task": "describe", "kind": "question", "photos": body["photos"], "question": "What is it?"}


@pytest.mark.parametrize(("changes", "code", "field"), FAULTS)
def test_a_wrong_field_is_named(
    start: Any, question: dict[str, Any], changes: dict[str, Any], code: str, field: str
) -> None:
    response = start(fake_writers.Writes, **LIMITS).post("/invocations", json={**question, **changes})
    assert (response.status_code, response.json()["code"], response.json()["field"]) == (422, code, field)


@pytest.mark.parametrize(
    ("settings", "length"), [({}, 128), ({"max_new_tokens": 20}, 20), ({"default_new_tokens": 7}, 7)]
)
def test_who_names_no_limit_gets_the_default(
    start: Any, question: dict[str, Any], settings: dict[str, int], length: int
) -> None:
    response = start(fake_writers.Writes, **settings).post("/invocations", json=question)
    assert response.json()["usage"]["generated_tokens"] == length


@pytest.mark.parametrize("stream", [False, True])
def test_an_inspection_cannot_be_streamed(start: Any, body: dict[str, Any], stream: bool) -> None:
    response = start(fake_writers.Writes).post("/invocations", json={**body, "stream": stream})
    assert (response.status_code, response.json()["code"]) == (422, "unknown_field")


def test_each_family_names_the_tasks_that_it_does(
    start: Any, body: dict[str, Any], question: dict[str, Any], checkpoint: Path, blip2_checkpoint: Path
) -> None:
    blip2 = start(lambda: load_model(ModelOptions(blip2_checkpoint, 1, "cpu", slots=2)))
    response = blip2.post("/invocations", json=body)
    assert (response.json()["code"], response.json()["detail"]) == ("unsupported_task", "This model does: describe.")
    both = start(lambda: load_model(ModelOptions(checkpoint, 1, "cpu", slots=2)))
    response = both.post("/invocations", json={"task": "embed", "inputs": []})
    assert response.json()["detail"] == "This model does: inspect, describe."
    for client in (blip2, both):
        assert client.post("/invocations", json={**question, "max_new_tokens": 9}).status_code == 200


def test_an_inspection_is_explained_if_asked(start: Any, body: dict[str, Any], checkpoint: Path) -> None:
    client = start(lambda: load_model(ModelOptions(checkpoint, 1, "cpu", slots=2)), default_new_tokens=9)
    plain = client.post("/invocations", json=body).json()
    told = client.post("/invocations", json={**body, "explain": True}).json()
    assert plain["explanation"] is None
    assert isinstance(told["explanation"], str)
    assert told["answers"] == plain["answers"]
    assert 1 <= told["usage"]["generated_tokens"] <= 9
    assert {"vision", "language", "prefill", "generate"} <= set(told["timings_ms"])


def test_an_explanation_without_room_leaves_the_answers(start: Any, body: dict[str, Any], checkpoint: Path) -> None:
    client = start(lambda: load_model(ModelOptions(checkpoint, 1, "cpu", slots=1, slot_tokens=200)))
    response = client.post("/invocations", json={**body, "explain": True})
    assert (response.status_code, response.json()["explanation"]) == (200, None)
    assert len(response.json()["answers"]) == 2


WHOLE: dict[str, str | bool | None] = {
    "kind": "shirt", "colour": None, "material": "cotton", "text_visible": False, "condition": "used"
}  # fmt: skip
BAD_REPORTS: list[dict[str, Any]] = [
    {**WHOLE, "text_visible": "yes"},
    {**WHOLE, "condition": "broken"},
    {**WHOLE, "kind": ""},
    {**WHOLE, "kind": "x" * 81},
    {**WHOLE, "colour": True},
    {name: value for name, value in WHOLE.items() if name != "colour"},
]


def checked(kind: Kind, description: Description) -> None:
    question = "?" if kind is Kind.QUESTION else None
    check_description(
        DescriptionRequest((), kind, 5, question), DescriptionResult(description, Usage(0, 0, 0, generated_tokens=0))
    )


@pytest.mark.parametrize("report", BAD_REPORTS)
def test_a_report_that_is_not_typed_never_leaves(report: dict[str, Any]) -> None:
    checked(Kind.REPORT, Description(report=WHOLE))
    with pytest.raises(EndpointError, match="model_output_invalid"):
        checked(Kind.REPORT, Description(report=report))


def test_a_description_of_another_kind_never_leaves() -> None:
    checked(Kind.CAPTION, Description("a shirt"))
    for kind, description in [
        (Kind.CAPTION, Description(report=WHOLE)),
        (Kind.QUESTION, Description()),
        (Kind.REPORT, Description("a shirt")),
    ]:
        with pytest.raises(EndpointError, match="model_output_invalid"):
            checked(kind, description)


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        (FIELDS[0], " a red\n\tshirt\x07 ", "a red shirt"),
        (FIELDS[0], "\n \x00", None),
        (FIELDS[0], "x" * 200, "x" * 80),
        (FIELDS[3], "yes", True),
        (FIELDS[3], "no", False),
        (FIELDS[4], "damaged", "damaged"),
    ],
)
def test_values_are_made_of_what_was_written(field: Any, text: str, value: object) -> None:
    assert report_value(field, text) == value
