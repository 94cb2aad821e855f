"""The model's answer is checked whole before anything relies on it."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.model_answer import InvalidAnswer, checked
from tests.fakes.endpoint import answer_to
from tests.fakes.inspections import CHECKLIST

QUESTIONS = CHECKLIST.questions
ASKED = json.dumps(
    {"questions": [{"id": question.id, "answers": list(question.answers)} for question in QUESTIONS]}
).encode()


def answer() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(answer_to(ASKED))
    return read


def probabilities(of: dict[str, Any], question_id: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in of["answers"] if each["id"] == question_id)["probabilities"]
    return found


def test_right_answer_is_taken() -> None:
    taken = checked(json.dumps(answer()).encode(), QUESTIONS)
    assert [each.id for each in taken.answers] == [question.id for question in QUESTIONS]
    assert taken.model.name == "fake"
    assert taken.usage["photos"] == 3
    assert taken.timings_ms == {"prefill": 1.5}


def test_order_and_further_members_do_not_matter() -> None:
    more = answer() | {"later": True}
    more["answers"].reverse()
    assert len(checked(json.dumps(more).encode(), QUESTIONS).answers) == len(QUESTIONS)


def without(name: str) -> Any:
    return lambda answer: answer.pop(name)


SPOILT = {
    "a question is missing": lambda answer: answer["answers"].pop(),
    "a question is answered twice": lambda answer: answer["answers"].append(answer["answers"][0]),
    "another question": lambda answer: answer["answers"].append({"id": "mood", "probabilities": {"yes": 1.0}}),
    "an answer is missing": lambda answer: probabilities(answer, "damaged").pop("yes"),
    "another answer": lambda answer: probabilities(answer, "damaged").update(maybe=0.0),
    "other answers": lambda answer: answer["answers"][0].update(probabilities={"ja": 0.5, "nein": 0.5}),
    "sum above 1": lambda answer: probabilities(answer, "damaged").update(yes=0.5, no=0.6),
    "sum below 1": lambda answer: probabilities(answer, "damaged").update(yes=0.5, no=0.4),
    "NaN": lambda answer: probabilities(answer, "damaged").update(yes=float("nan")),
    "infinity": lambda answer: probabilities(answer, "damaged").update(yes=float("inf")),
    "negative": lambda answer: probabilities(answer, "damaged").update(yes=-0.5, no=1.5),
    "null": lambda answer: probabilities(answer, "damaged").update(yes=None),
    "text": lambda answer: probabilities(answer, "damaged").update(yes="high"),
    "no answers": without("answers"),
    "no model": without("model"),
    "a model without digest": lambda answer: answer["model"].pop("digest"),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT.keys())
def test_anything_else_is_refused(spoil: Any) -> None:
    spoilt = answer()
    spoil(spoilt)
    with pytest.raises(InvalidAnswer):
        checked(json.dumps(spoilt).encode(), QUESTIONS)


@pytest.mark.parametrize("data", [b"", b"null", b"[]", b'"PASS"', b"<html>", b"\xff\xfe", b'{"answers": []}'])
def test_what_is_no_answer_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidAnswer):
        checked(data, QUESTIONS)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused_the_same_way(data: bytes) -> None:
    with pytest.raises(InvalidAnswer):
        checked(data, QUESTIONS)


def test_rounded_probabilities_are_taken() -> None:
    rounded = answer()
    probabilities(rounded, "kind").update(
        {name: round(value, 4) for name, value in probabilities(rounded, "kind").items()}
    )
    checked(json.dumps(rounded).encode(), QUESTIONS)


def test_the_message_holds_nothing_that_the_model_said() -> None:
    spoilt = answer()
    probabilities(spoilt, "damaged").update(canary=0.0)
    with pytest.raises(InvalidAnswer) as raised:
        checked(json.dumps(spoilt).encode(), QUESTIONS)
    assert "canary" not in raised.value.detail
