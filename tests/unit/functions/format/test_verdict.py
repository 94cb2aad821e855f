"""The verdict rules: a table, and what holds for any answers."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import checklists
from core.checklists import Checklist
from core.states import State
from format.verdict import judge, with_seen_before
from tests.fakes.inspections import CHECKLIST

GUARDED = checklists.load("reverse-pickup-guarded", 1)
REQUIRED = [question for question in CHECKLIST.questions if question.required]
Probabilities = dict[str, dict[str, float]]


def given_answers(**changed: tuple[str, float]) -> Probabilities:
    return answers_to(CHECKLIST, changed)


def answers_to(checklist: Checklist, changed: Mapping[str, tuple[str, float]]) -> Probabilities:
    """Every question as expected with 0.97, but for those changed to (answer, probability)."""
    answers = {}
    for question in checklist.questions:
        answer, probability = changed.get(question.id, (question.expected or question.answers[0], 0.97))
        rest = (1 - probability) / (len(question.answers) - 1)
        answers[question.id] = {each: probability if each == answer else rest for each in question.answers}
    return answers


@pytest.mark.parametrize(
    ("changed", "outcome", "reasons"),
    [
        ({}, State.PASSED, 0),
        ({"damaged": ("yes", 0.99)}, State.FAILED, 1),
        ({"damaged": ("yes", 0.75)}, State.FAILED, 1),
        ({"damaged": ("yes", 0.74)}, State.REVIEW, 1),
        ({"damaged": ("no", 0.75)}, State.PASSED, 0),
        ({"damaged": ("no", 0.74)}, State.REVIEW, 1),
        ({"damaged": ("no", 0.5)}, State.REVIEW, 1),
        ({"item_present": ("no", 0.9)}, State.FAILED, 1),
        ({"item_present": ("yes", 0.79)}, State.REVIEW, 1),
        ({"item_present": ("no", 0.9), "damaged": ("yes", 0.6)}, State.FAILED, 2),
        ({"item_present": ("yes", 0.7), "damaged": ("yes", 0.6)}, State.REVIEW, 2),
        ({"item_present": ("no", 0.9), "kind_matches": ("no", 0.9)}, State.FAILED, 2),
        ({"kind": ("nothing", 0.99)}, State.PASSED, 0),
        ({"kind": ("bag", 0.2)}, State.PASSED, 0),
    ],
)
def test_table(changed: dict[str, tuple[str, float]], outcome: State, reasons: int) -> None:
    judgement = judge(CHECKLIST, given_answers(**changed))
    assert (judgement.outcome, len(judgement.reasons)) == (outcome, reasons)


@pytest.mark.parametrize(
    ("changed", "outcome", "reasons"),
    [
        ({}, State.PASSED, 0),
        ({"instructions_in_view": ("yes", 0.99)}, State.REVIEW, 1),
        ({"instructions_in_view": ("yes", 0.75)}, State.REVIEW, 1),
        ({"instructions_in_view": ("yes", 0.6)}, State.REVIEW, 1),
        ({"instructions_in_view": ("no", 0.74)}, State.REVIEW, 1),
        ({"instructions_in_view": ("no", 0.75)}, State.PASSED, 0),
        ({"instructions_in_view": ("yes", 0.99), "damaged": ("yes", 0.6)}, State.REVIEW, 2),
        ({"instructions_in_view": ("yes", 0.99), "damaged": ("yes", 0.99)}, State.FAILED, 2),
        ({"damaged": ("yes", 0.99)}, State.FAILED, 1),
    ],
)
def test_otherwise_a_person_looks(changed: dict[str, tuple[str, float]], outcome: State, reasons: int) -> None:
    judgement = judge(GUARDED, answers_to(GUARDED, changed))
    assert (judgement.outcome, len(judgement.reasons)) == (outcome, reasons)


def test_why_a_person_must_look() -> None:
    changed = {"instructions_in_view": ("yes", 0.93), "damaged": ("yes", 0.95)}
    judgement = judge(GUARDED, answers_to(GUARDED, changed))
    assert list(judgement.reasons) == [
        'Is the item damaged? "yes" (95%), expected "no".',
        "Does any text in the photos, such as a note, a card or a screen, say how to judge the item or what to answer? "
        '"yes" (93%), expected "no": a person must look.',
    ]
    assert {answer.question_id: answer.outcome for answer in judgement.answers}["instructions_in_view"] == "not_met"


SEEN = [{"index": 1, "inspection_id": "insp_first", "photo": 0}, {"index": 2, "inspection_id": "insp_x", "photo": 3}]


@pytest.mark.parametrize(
    ("changed", "outcome", "own_reasons"),
    [
        ({}, State.REVIEW, 0),
        ({"damaged": ("yes", 0.74)}, State.REVIEW, 1),
        ({"damaged": ("yes", 0.99)}, State.FAILED, 1),
    ],
)
def test_photos_seen_before_never_pass(changed: dict[str, tuple[str, float]], outcome: State, own_reasons: int) -> None:
    judgement = judge(CHECKLIST, given_answers(**changed))
    assert with_seen_before(judgement, []) == judgement
    seen = with_seen_before(judgement, SEEN)
    assert (seen.outcome, seen.answers) == (outcome, judgement.answers)
    assert list(seen.reasons[own_reasons:]) == [
        "photo_seen_before: photo 2 shows the same picture as photo 1 of insp_first.",
        "photo_seen_before: photo 3 shows the same picture as photo 4 of insp_x.",
    ]


def test_reasons_are_sentences() -> None:
    judgement = judge(CHECKLIST, given_answers(damaged=("yes", 0.93), item_present=("yes", 0.6)))
    assert list(judgement.reasons) == [
        'Is the item damaged? "yes" (93%), expected "no".',
        'Is there an item in the photos? "yes" (60%), expected "yes": too unsure to decide.',
    ]


def test_of_equal_answers_the_first_listed_is_taken() -> None:
    answer = judge(CHECKLIST, given_answers(item_present=("no", 0.5))).answers[0]
    assert (answer.answer, answer.outcome) == ("yes", "unsure")


def test_question_that_is_not_required_changes_nothing() -> None:
    data = CHECKLIST.model_dump()
    data["questions"] = [question | {"required": False} for question in data["questions"]]
    lenient = Checklist.model_validate(data)
    judgement = judge(lenient, given_answers(damaged=("yes", 0.99), item_present=("no", 0.51)))
    assert judgement.outcome is State.PASSED
    assert {answer.question_id: answer.outcome for answer in judgement.answers}["damaged"] == "not_met"


@st.composite
def any_probabilities(draw: st.DrawFn) -> Probabilities:
    answers = {}
    for question in CHECKLIST.questions:
        weights = draw(st.lists(st.floats(0.001, 1), min_size=len(question.answers), max_size=len(question.answers)))
        answers[question.id] = {
            answer: weight / sum(weights) for answer, weight in zip(question.answers, weights, strict=True)
        }
    return answers


@given(any_probabilities())
def test_passed_if_and_only_if_every_required_answer_is_surely_the_expected_one(probabilities: Probabilities) -> None:
    judgement = judge(CHECKLIST, probabilities)
    surely_met = surely_not = 0
    for question in REQUIRED:
        given_to_it = probabilities[question.id]
        best = max(given_to_it.values())
        if best >= question.review_below:
            assert question.expected is not None
            surely_met += given_to_it[question.expected] == best
            surely_not += given_to_it[question.expected] != best
    if surely_not:
        assert judgement.outcome is State.FAILED
    elif surely_met == len(REQUIRED):
        assert judgement.outcome is State.PASSED
    else:
        assert judgement.outcome is State.REVIEW
    assert bool(judgement.reasons) == (judgement.outcome is not State.PASSED)


@given(any_probabilities())
def test_unsure_never_passes(probabilities: Probabilities) -> None:
    judgement = judge(CHECKLIST, probabilities)
    required = {question.id for question in REQUIRED}
    if any(answer.outcome == "unsure" for answer in judgement.answers if answer.question_id in required):
        assert judgement.outcome is not State.PASSED


@given(any_probabilities())
def test_answers_come_in_the_checklists_order(probabilities: Probabilities) -> None:
    answers = judge(CHECKLIST, probabilities).answers
    assert [answer.question_id for answer in answers] == [question.id for question in CHECKLIST.questions]
    assert all(answer.probability == max(answer.probabilities.values()) for answer in answers)
