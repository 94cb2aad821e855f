"""A question that is answered at once: what it costs, and what the client hears of a refusal."""

import json
from typing import Any

import pytest

from core.endpoint import Answered, EndpointRefused, EndpointUnavailable
from core.errors import NotOffered, NotOnPlan, QuotaExceeded, ScrutineerError
from core.model_answer import InvalidAnswer
from core.model_call import ModelCall, UnusableInput
from core.usage import Limit
from tests.fakes.usage import FixedUsage, allowance


class Endpoint:
    """Answers with what it is given, or raises it."""

    def __init__(self, answer: bytes | Exception) -> None:
        self.answer = answer
        self.asked: list[dict[str, Any]] = []

    def invoke(self, body: bytes, inference_id: str, timeout_s: float | None = None) -> Answered:
        self.asked.append(json.loads(body))
        if isinstance(self.answer, Exception):
            raise self.answer
        return Answered(self.answer, "fake:endpoint")


def refused(status: int, **problem: str) -> EndpointRefused:
    return EndpointRefused(status, json.dumps(problem).encode())


def test_answer_says_who_gave_it_and_is_counted() -> None:
    usage, endpoint = FixedUsage(), Endpoint(b'{"x": 1}')
    assert ModelCall(usage, endpoint)("client-a", "embed", 3, {"task": "embed"}, {}) == {
        "x": 1,
        "served_by": "fake:endpoint",
    }
    assert endpoint.asked == [{"task": "embed"}]
    assert (usage.charged, usage.refunded) == ([("client-a", "embed", 3)], [])


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        (EndpointUnavailable("away"), EndpointUnavailable),
        (EndpointRefused(404), EndpointRefused),
        (refused(400, code="unsupported_task", detail="x"), NotOffered),
        (refused(400, code="text_too_long", detail="x"), UnusableInput),
        (b"not JSON", InvalidAnswer),
        (b"[]", InvalidAnswer),
    ],
)
def test_what_failed_is_refunded(answer: bytes | Exception, raised: type[ScrutineerError]) -> None:
    usage = FixedUsage()
    with pytest.raises(raised):
        ModelCall(usage, Endpoint(answer))("client-a", "embed", 3, {}, {})
    assert usage.charged == usage.refunded == [("client-a", "embed", 3)]


@pytest.mark.parametrize(
    ("limits", "raised"),
    [
        ({"tasks": frozenset({"inspect"})}, NotOnPlan),
        ({"limits": (Limit("day", most=5, used=3, window_s=86_400, resets_in_s=9),)}, QuotaExceeded),
    ],
)
def test_what_the_plan_refuses_reaches_no_model(limits: dict[str, Any], raised: type[ScrutineerError]) -> None:
    usage, endpoint = FixedUsage(allowance(**limits)), Endpoint(b"{}")
    with pytest.raises(raised):
        ModelCall(usage, endpoint)("client-a", "embed", 3, {}, {})
    assert (endpoint.asked, usage.refunded) == ([], [])


def test_places_at_once_are_no_matter_for_a_call() -> None:
    full = allowance(limits=(Limit("running", most=1, used=1, window_s=None, resets_in_s=None),))
    assert ModelCall(FixedUsage(full), Endpoint(b"{}"))("client-a", "embed", 1, {}, {})


def test_nothing_configured() -> None:
    usage = FixedUsage()
    with pytest.raises(NotOffered) as raised:
        ModelCall(usage, None)("client-a", "embed", 1, {}, {})
    assert (raised.value.status, usage.charged) == (501, [])


@pytest.mark.parametrize(
    ("field", "fields", "told"),
    [
        ("inputs[7].text", {r"^inputs\[(\d+)\]\.text$": r"texts[\1]"}, "texts[7]"),
        ("inputs", {"^inputs$": "texts"}, "texts"),
        ("other", {"^inputs$": "texts"}, "other"),
        (None, {"^inputs$": "texts"}, None),
    ],
)
def test_the_field_at_fault_is_named_as_the_client_knows_it(
    field: str | None, fields: dict[str, str], told: str | None
) -> None:
    problem = {"code": "text_too_long", "detail": "Too long."} | ({"field": field} if field else {})
    with pytest.raises(UnusableInput) as raised:
        ModelCall(FixedUsage(), Endpoint(refused(400, **problem)))("client-a", "embed", 1, {}, fields)
    assert (raised.value.detail, raised.value.field, raised.value.status) == ("Too long.", told, 422)
