"""The verdict rules: pass, fail and review follow from the checklist, the probabilities, and whether a photo was handed
in before; from nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from core.checklists import Checklist, Question
from core.contract import Answer
from core.states import State


@dataclass(frozen=True)
class Judgement:
    """What the answers add up to; a reason is a sentence for a person."""

    outcome: State
    answers: Sequence[Answer]
    reasons: Sequence[str]


def judge(checklist: Checklist, probabilities: Mapping[str, Mapping[str, float]]) -> Judgement:
    """`probabilities` holds, for every question id, a probability for each of its answers.

    - A required question that is surely answered against what is expected: failed, or review where the checklist says
      `otherwise` so. Of several, failed counts.
    - Else a required question whose answer is less probable than its `review_below`: review.
    - Else: passed. Questions that are not required are recorded and change nothing.
    """
    answers = [_answer(question, probabilities[question.id]) for question in checklist.questions]
    required = [pair for pair in zip(checklist.questions, answers, strict=True) if pair[0].required]
    wrong = [_reason(*pair) for pair in required if _end(*pair) is State.FAILED]
    doubtful = [_reason(*pair) for pair in required if _end(*pair) is State.REVIEW]
    if wrong:
        return Judgement(State.FAILED, answers, wrong + doubtful)
    if doubtful:
        return Judgement(State.REVIEW, answers, doubtful)
    return Judgement(State.PASSED, answers, [])


def with_seen_before(judgement: Judgement, seen: Sequence[Mapping[str, Any]]) -> Judgement:
    """No photo that was handed in before lets a parcel pass: a person looks at both. What failed stays failed."""
    if not seen:
        return judgement
    reasons = [
        f"photo_seen_before: photo {each['index'] + 1} shows the same picture as photo {each['photo'] + 1} of"
        f" {each['inspection_id']}."
        for each in seen
    ]
    outcome = State.REVIEW if judgement.outcome is State.PASSED else judgement.outcome
    return Judgement(outcome, judgement.answers, [*judgement.reasons, *reasons])


def _answer(question: Question, given: Mapping[str, float]) -> Answer:
    """The most probable answer; of equals, the one that the checklist lists first."""
    chosen = max(question.answers, key=lambda answer: given[answer])
    return Answer(
        question_id=question.id,
        text=question.text,
        answer=chosen,
        probability=given[chosen],
        probabilities={answer: given[answer] for answer in question.answers},
        expected=question.expected,
        outcome=_outcome(question, chosen, given[chosen]),
    )


def _outcome(question: Question, chosen: str, probability: float) -> Literal["met", "not_met", "unsure", "recorded"]:
    if question.expected is None:
        return "recorded"
    if probability < question.review_below:
        return "unsure"
    return "met" if chosen == question.expected else "not_met"


def _end(question: Question, answer: Answer) -> State:
    """What a required question alone would come to."""
    if answer.outcome == "met":
        return State.PASSED
    return State.REVIEW if answer.outcome == "unsure" or question.otherwise == "review" else State.FAILED


def _reason(question: Question, answer: Answer) -> str:
    found = f'{answer.text} "{answer.answer}" ({answer.probability:.0%}), expected "{answer.expected}"'
    if answer.outcome == "unsure":
        return f"{found}: too unsure to decide."
    return f"{found}: a person must look." if question.otherwise == "review" else f"{found}."
