"""The embedding routes from event to answer, over a fake endpoint."""

import base64
import json
import math
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from core.endpoint import Answered, EndpointRefused
from core.model_call import ModelCall
from embeddings import app
from embeddings.embed import Embed
from tests.fakes.api_gateway import Answer, ask, rest_event, someone
from tests.fakes.database import FakeDatabase
from tests.fakes.photos import base64_photo
from tests.fakes.usage import FixedUsage

MODEL = {"name": "clip", "version": "1", "digest": "d"}


class Clip:
    """Gives the nth input the unit vector at n radians; `spoil` changes the answer before it goes out."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.error: Exception | None = None
        self.spoil: dict[str, Any] = {}

    def invoke(self, body: bytes, inference_id: str, timeout_s: float | None = None) -> Answered:
        asked = json.loads(body)
        self.asked.append(asked)
        if self.error:
            raise self.error
        vectors = [
            {"id": each["id"], "vector": [math.cos(number), math.sin(number)]}
            for number, each in enumerate(asked["inputs"])
        ]
        answer = {"embeddings": vectors, "dimension": 2, "model": MODEL, "usage": {"texts": 1}, "timings_ms": {}}
        return Answered(json.dumps(answer | self.spoil).encode(), "url:http://clip")


@pytest.fixture
def clip(monkeypatch: pytest.MonkeyPatch) -> Clip:
    endpoint = Clip()
    services = app.Services(FakeDatabase(), Embed(ModelCall(FixedUsage(), endpoint)))
    monkeypatch.setattr(app, "services", lambda: services)
    return endpoint


def post(kind: str, body: Any) -> Answer:
    event = rest_event("POST", f"/v1/embeddings/{kind}", body=body, principal=someone())
    return ask(app.app, event, FakeDatabase())


def test_texts(clip: Clip) -> None:
    answer = post("text", {"texts": ["a red shoe", "a blue bag"]})
    assert answer.status == 200
    assert clip.asked == [
        {"task": "embed", "inputs": [{"id": "0", "text": "a red shoe"}, {"id": "1", "text": "a blue bag"}]}
    ]
    assert answer.json["embeddings"] == [[1.0, 0.0], [math.cos(1), math.sin(1)]]
    assert (answer.json["dimension"], answer.json["served_by"]) == (2, "url:http://clip")
    assert answer.json["model"] == MODEL


def test_photos_are_sent_as_pixels_alone(clip: Clip) -> None:
    file = BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "SECRET"
    Image.new("RGB", (900, 700), "red").save(file, "JPEG", exif=exif)
    sent = base64.b64encode(file.getvalue() + b"<html>SECRET</html>").decode()
    assert post("image", {"photos": [{"data": sent}]}).status == 200
    (photo,) = clip.asked[0]["inputs"]
    data = base64.b64decode(photo["photo"])
    assert b"SECRET" not in data
    with Image.open(BytesIO(data)) as image:
        assert (image.format, max(image.size)) == ("JPEG", 672)


def test_both_in_order(clip: Clip) -> None:
    body = {"inputs": [{"photo": {"data": base64_photo(1)}}, {"text": "a red shoe"}]}
    answer = post("batch", body)
    assert answer.status == 200
    assert [set(each) for each in clip.asked[0]["inputs"]] == [{"id", "photo"}, {"id", "text"}]
    assert len(answer.json["embeddings"]) == 2


@pytest.mark.parametrize(
    ("kind", "body", "code", "field"),
    [
        ("text", {}, "invalid_request", "texts"),
        ("text", {"texts": []}, "invalid_request", "texts"),
        ("text", {"texts": [""]}, "invalid_request", "texts[0]"),
        ("text", {"texts": ["  "]}, "invalid_request", "texts[0]"),
        ("text", {"texts": ["x" * 2001]}, "invalid_request", "texts[0]"),
        ("text", {"texts": ["x"] * 65}, "invalid_request", "texts"),
        ("text", {"texts": ["x"], "client_id": "client-b"}, "invalid_request", "client_id"),
        ("image", {"photos": [{"data": "!"}]}, "invalid_photo", "photos[0].data"),
        ("image", {"photos": [{"data": base64.b64encode(b"GIF89a").decode()}]}, "invalid_photo", "photos[0].data"),
        ("image", {"photos": []}, "invalid_request", "photos"),
        ("batch", {"inputs": [{}]}, "invalid_request", "inputs[0]"),
        ("batch", {"inputs": [{"text": "x", "photo": {"data": "eA=="}}]}, "invalid_request", "inputs[0]"),
        ("batch", {"inputs": [{"text": "x"}, {"photo": {"data": "eA=="}}]}, "invalid_photo", "inputs[1].photo.data"),
        ("batch", {"inputs": [{"photo": {"data": "eA=="}}] * 21}, "invalid_request", "body"),
        ("text", "not JSON", "not_json", None),
    ],
)
def test_bad_input_names_its_field(clip: Clip, kind: str, body: Any, code: str, field: str | None) -> None:
    answer = post(kind, body)
    assert (answer.status, answer.json["code"], answer.json.get("field")) == (400, code, field)
    assert clip.asked == []


@pytest.mark.parametrize(
    ("kind", "body", "theirs", "ours"),
    [
        ("text", {"texts": ["x"]}, "inputs[0].text", "texts[0]"),
        ("image", {"photos": [{"data": base64_photo(0)}]}, "inputs[0].photo", "photos[0].data"),
        ("batch", {"inputs": [{"photo": {"data": base64_photo(0)}}]}, "inputs[0].photo", "inputs[0].photo.data"),
    ],
)
def test_what_the_model_refuses_is_told(clip: Clip, kind: str, body: Any, theirs: str, ours: str) -> None:
    problem = {"code": "text_too_long", "detail": "At most 77 tokens.", "field": theirs}
    clip.error = EndpointRefused(400, json.dumps(problem).encode())
    answer = post(kind, body)
    assert (answer.status, answer.json["code"], answer.json["field"]) == (422, "unusable_input", ours)
    assert answer.json["detail"] == "At most 77 tokens."


@pytest.mark.parametrize(
    "spoil",
    [
        {"embeddings": []},
        {"embeddings": [{"id": "1", "vector": [1.0, 0.0]}]},
        {"embeddings": [{"id": "0", "vector": [1.0, 1.0]}]},
        {"embeddings": [{"id": "0", "vector": [1.0]}]},
        {"embeddings": [{"id": "0", "vector": [math.nan, 0.0]}]},
        {"dimension": 3},
        {"dimension": None},
        {"model": {}},
    ],
)
def test_an_answer_that_cannot_be_used(clip: Clip, spoil: dict[str, Any]) -> None:
    clip.spoil = spoil
    answer = post("text", {"texts": ["x"]})
    assert (answer.status, answer.json["code"]) == (503, "invalid_model_answer")
