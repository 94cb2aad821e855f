"""What the container answers, as far as the gateway relies on it: model output is never trusted, all is checked."""

import math
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.checklists import Question
from core.contract import ModelName
from core.errors import Unavailable

SUM_TOLERANCE = 1e-3


class InvalidAnswer(Unavailable):
    """The container answered something else than the contract says."""

    code, title = "invalid_model_answer", "The model's answer can't be used"
    attempted = True


class QuestionAnswer(BaseModel):
    model_config = ConfigDict(extra="ignore", defer_build=True)

    id: str
    probabilities: dict[str, float]


class ModelAnswer(BaseModel):
    """A checked answer to one inspection; `timings_ms` are the container's own."""

    model_config = ConfigDict(extra="ignore", defer_build=True, protected_namespaces=())

    answers: list[QuestionAnswer]
    model: ModelName
    usage: dict[str, int] = Field(default_factory=dict)
    timings_ms: dict[str, float] = Field(default_factory=dict)


def checked(data: bytes, questions: Sequence[Question]) -> ModelAnswer:
    """Every question answered once, every listed answer with a probability, summing to 1. Raises InvalidAnswer."""
    try:
        answer = ModelAnswer.model_validate_json(data)
    except ValidationError as error:
        raise InvalidAnswer("The model endpoint's answer is not what the contract says.") from error
    given = {each.id: each.probabilities for each in answer.answers}
    if len(given) != len(answer.answers) or set(given) != {question.id for question in questions}:
        raise InvalidAnswer("The model endpoint did not answer exactly the questions asked.")
    for question in questions:
        _check_probabilities(question, given[question.id])
    return answer


def _check_probabilities(question: Question, given: dict[str, float]) -> None:
    values: list[Any] = list(given.values())
    if set(given) != set(question.answers):
        raise InvalidAnswer(f"The model endpoint chose among other answers to {question.id} than those listed.")
    if not all(math.isfinite(value) and 0 <= value <= 1 for value in values):
        raise InvalidAnswer(f"The model endpoint's probabilities for {question.id} are no probabilities.")
    if abs(sum(values) - 1) > SUM_TOLERANCE:
        raise InvalidAnswer(f"The model endpoint's probabilities for {question.id} do not sum to 1.")
