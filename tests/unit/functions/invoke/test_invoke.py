"""The stage: asked once, kept before it steps on."""

import base64
import json

import pytest

from core.capture import capture, captured_answer
from core.endpoint import EndpointRefused, EndpointUnavailable
from core.errors import Unavailable
from core.model_answer import InvalidAnswer
from core.states import State
from core.storage import MissingObject, capture_key, prepared_key
from core.work_records import Claimed
from core.worker import Advanced
from invoke.invoke import Invoke
from tests.fakes.endpoint import FakeEndpoint, answer_to
from tests.fakes.inspections import CHECKLIST, claimed
from tests.fakes.object_store import InMemoryStore

PIXELS = b"\xff\xd8pixels of photo %d"


def prepared(claim: Claimed) -> InMemoryStore:
    store = InMemoryStore()
    for photo in claim.photos:
        store.put(prepared_key(claim.inspection_id, photo["index"]), PIXELS % photo["index"], "image/jpeg")
    return store


def test_request_is_the_containers_contract() -> None:
    claim, endpoint = claimed(), FakeEndpoint()
    assert Invoke(prepared(claim), endpoint)(claim) == Advanced(State.INFERRED)
    ((inspection_id, body),) = endpoint.asked
    assert inspection_id == claim.inspection_id
    asked = json.loads(body)
    assert set(asked) == {"task", "photos", "item", "questions", "tiles", "explain"}
    assert (asked["task"], asked["explain"], asked["item"]) == ("inspect", False, {"description": "red shoe"})
    assert [(photo["id"], base64.b64decode(photo["data"])) for photo in asked["photos"]] == [
        (str(index), PIXELS % index) for index in range(3)
    ]
    assert [question["id"] for question in asked["questions"]] == [each.id for each in CHECKLIST.questions]
    assert asked["tiles"] == {"first": CHECKLIST.tiles.first, "closer": list(CHECKLIST.tiles.closer)}
    assert all(set(question) == {"id", "text", "answers"} for question in asked["questions"])


def test_raw_answer_is_kept_and_no_pixel() -> None:
    claim, endpoint = claimed(), FakeEndpoint()
    store = prepared(claim)
    Invoke(store, endpoint)(claim)
    kept = store.objects[capture_key(claim.inspection_id)]
    assert captured_answer(kept) == (answer_to(endpoint.asked[0][1]), "fake:endpoint")
    for index, photo in enumerate(claim.photos):
        assert base64.b64encode(PIXELS % index) not in kept
        assert photo["sha256"].encode() in kept
        assert prepared_key(claim.inspection_id, index).encode() in kept


def test_kept_answer_is_not_asked_for_again() -> None:
    claim, endpoint = claimed(attempt=2), FakeEndpoint()
    store = prepared(claim)
    Invoke(store, endpoint)(claim)
    assert Invoke(store, endpoint)(claim) == Advanced(State.INFERRED)
    assert len(endpoint.asked) == 1


def test_unusable_kept_answer_is_asked_for_again() -> None:
    claim, endpoint = claimed(attempt=2), FakeEndpoint()
    store = prepared(claim)
    broken = capture(claim.inspection_id, asked={}, answered=b"{}", served_by="x")
    store.put(capture_key(claim.inspection_id), broken, "application/json")
    Invoke(store, endpoint)(claim)
    assert len(endpoint.asked) == 1
    assert store.objects[capture_key(claim.inspection_id)] != broken


@pytest.mark.parametrize("error", [EndpointUnavailable("busy"), EndpointRefused(400, b"no")])
def test_endpoints_error_passes_and_nothing_is_kept(error: Exception) -> None:
    def fail(body: bytes) -> bytes:
        raise error

    claim = claimed()
    store = prepared(claim)
    with pytest.raises(type(error)):
        Invoke(store, FakeEndpoint(fail))(claim)
    assert capture_key(claim.inspection_id) not in store.objects


@pytest.mark.parametrize("answered", [b"", b"PASS", b'{"answers": []}', b"\xff"])
def test_unusable_answer_is_not_kept(answered: bytes) -> None:
    claim = claimed()
    store = prepared(claim)
    with pytest.raises(InvalidAnswer):
        Invoke(store, FakeEndpoint(lambda body: answered))(claim)
    assert capture_key(claim.inspection_id) not in store.objects


def test_never_asked_about_part_of_the_photos() -> None:
    claim, endpoint = claimed(), FakeEndpoint()
    store = prepared(claim)
    store.refused.add(prepared_key(claim.inspection_id, 2))
    with pytest.raises(Unavailable):
        Invoke(store, endpoint)(claim)
    store.refused.clear()
    del store.objects[prepared_key(claim.inspection_id, 2)]
    with pytest.raises(MissingObject):
        Invoke(store, endpoint)(claim)
    assert endpoint.asked == []


def test_answer_that_cannot_be_kept_does_not_step_on() -> None:
    claim = claimed()
    store = prepared(claim)
    store.refused.add(capture_key(claim.inspection_id))
    with pytest.raises(Unavailable):
        Invoke(store, FakeEndpoint())(claim)
