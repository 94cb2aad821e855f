"""The description route from event to answer, over a fake endpoint."""

import json
from typing import Any

import pytest

from core.endpoint import Answered, EndpointRefused
from core.model_call import ModelCall
from descriptions import app
from descriptions.describe import Describe
from tests.fakes.api_gateway import Answer, ask, rest_event, someone
from tests.fakes.database import FakeDatabase
from tests.fakes.photos import base64_photo
from tests.fakes.usage import FixedUsage

MODEL = {"name": "blip2", "version": "1", "digest": "d"}
REPORT = {"kind": "shoe", "colour": "red", "material": None, "text_visible": True, "condition": "used"}


class Describer:
    """Describes as it was asked to; `spoil` changes the description before it goes out."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.error: Exception | None = None
        self.spoil: dict[str, Any] = {}

    def invoke(self, body: bytes, inference_id: str, timeout_s: float | None = None) -> Answered:
        asked = json.loads(body)
        self.asked.append(asked)
        if self.error:
            raise self.error
        said = {"report": REPORT} if asked["kind"] == "report" else {"text": "a red shoe", "truncated": False}
        answer = {"description": {"kind": asked["kind"], **said} | self.spoil, "model": MODEL, "usage": {"photos": 1}}
        return Answered(json.dumps(answer).encode(), "sagemaker:blip2")


@pytest.fixture
def describer(monkeypatch: pytest.MonkeyPatch) -> Describer:
    endpoint = Describer()
    services = app.Services(FakeDatabase(), Describe(ModelCall(FixedUsage(), endpoint)))
    monkeypatch.setattr(app, "services", lambda: services)
    return endpoint


def post(body: Any = None, **changes: Any) -> Answer:
    body = {"photos": [{"data": base64_photo(0)}], **changes} if body is None else body
    return ask(app.app, rest_event("POST", "/v1/descriptions", body=body, principal=someone()), FakeDatabase())


@pytest.mark.parametrize(
    ("changes", "sent"),
    [
        ({}, {"kind": "caption"}),
        ({"kind": "caption", "max_tokens": 40}, {"kind": "caption", "max_new_tokens": 40}),
        ({"kind": "question", "question": "Is it red?"}, {"kind": "question", "question": "Is it red?"}),
        (
            {"item": {"description": "red shoe", "attributes": {"size": "42"}}},
            {"kind": "caption", "item": {"description": "red shoe", "attributes": {"size": "42"}}},
        ),
    ],
)
def test_text(describer: Describer, changes: dict[str, Any], sent: dict[str, Any]) -> None:
    answer = post(**changes)
    assert answer.status == 200, answer.text
    (asked,) = describer.asked
    assert asked.pop("photos")[0]["id"] == "0"
    assert asked == {"task": "describe", **sent}
    assert (answer.json["text"], answer.json["report"], answer.json["truncated"]) == ("a red shoe", None, False)
    assert (answer.json["served_by"], answer.json["model"]) == ("sagemaker:blip2", MODEL)


def test_report(describer: Describer) -> None:
    answer = post(kind="report")
    assert (answer.status, answer.json["report"], answer.json["text"]) == (200, REPORT, None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"photos": []}, "photos"),
        ({"photos": [{"data": "!"}]}, "photos[0].data"),
        ({"photos": [{"data": base64_photo(0)}] * 7}, "photos"),
        ({"photos": [{"data": base64_photo(0)}], "kind": "poem"}, "kind"),
        ({"photos": [{"data": base64_photo(0)}], "kind": "question"}, "body"),
        ({"photos": [{"data": base64_photo(0)}], "question": "Is it red?"}, "body"),
        ({"photos": [{"data": base64_photo(0)}], "kind": "question", "question": "x" * 501}, "question"),
        ({"photos": [{"data": base64_photo(0)}], "max_tokens": 0}, "max_tokens"),
        ({"photos": [{"data": base64_photo(0)}], "max_tokens": 10_000}, "max_tokens"),
        ({"photos": [{"data": base64_photo(0)}], "served_by": "me"}, "served_by"),
    ],
)
def test_bad_input_names_its_field(describer: Describer, body: Any, field: str) -> None:
    answer = post(body)
    assert (answer.status, answer.json["field"]) == (400, field)
    assert describer.asked == []


def test_what_the_model_refuses_is_told(describer: Describer) -> None:
    problem = {"code": "invalid_field", "detail": "At most 128.", "field": "max_new_tokens"}
    describer.error = EndpointRefused(400, json.dumps(problem).encode())
    answer = post()
    assert (answer.status, answer.json["code"], answer.json["field"]) == (422, "unusable_input", "max_tokens")


@pytest.mark.parametrize(
    ("kind", "spoil"),
    [
        ("caption", {"text": None}),
        ("caption", {"text": 7}),
        ("caption", {"kind": "report"}),
        ("report", {"report": None}),
        ("report", {"report": {**REPORT, "condition": "fine"}}),
        ("report", {"report": {**REPORT, "text_visible": "yes"}}),
        ("report", {"report": {**REPORT, "more": "x"}}),
    ],
)
def test_an_answer_that_cannot_be_used(describer: Describer, kind: str, spoil: dict[str, Any]) -> None:
    describer.spoil = spoil
    answer = post(kind=kind)
    assert (answer.status, answer.json["code"]) == (503, "invalid_model_answer")
