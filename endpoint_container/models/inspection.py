"""The inspect task in the words of the business, for any model family: photos and closed questions in, answers out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from models.errors import EndpointError
from models.photo import Photo

PROBABILITY_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Question:
    """A closed question: its answers are all there is to choose from."""

    id: str
    text: str
    answers: tuple[str, ...]


@dataclass(frozen=True)
class Inspection:
    """One look at an item's photos: do they show it?

    `max_tiles` None leaves it to the model's own default. `closer_tiles`, ascending, are the limits of the looks that
    may follow. `asked` holds the ids of the questions that this look is to answer, None for all of them; the others
    are listed in the prompt all the same. An explanation of at most `explanation_tokens` is wanted, none if 0.
    """

    photos: tuple[Photo, ...]
    item: Mapping[str, object]
    questions: tuple[Question, ...]
    max_tiles: int | None = None
    closer_tiles: tuple[int, ...] = ()
    asked: frozenset[str] | None = None
    explanation_tokens: int = 0

    @property
    def asked_questions(self) -> tuple[Question, ...]:
        """The questions to be answered, in their order."""
        return tuple(question for question in self.questions if self.asked is None or question.id in self.asked)


@dataclass(frozen=True)
class Answer:
    """The most probable of a question's answers, and the probability of each."""

    id: str
    answer: str
    probabilities: Mapping[str, float]


@dataclass(frozen=True)
class Usage:
    """What an inspection cost the model, in its own units and over all looks.

    `closer_questions` counts those that were asked again, once a question.
    """

    photos: int
    tiles: int
    prompt_tokens: int
    generated_tokens: int
    looks: int = 1
    closer_questions: int = 0


@dataclass(frozen=True)
class InspectionResult:
    """Answers in the order of the questions; `timings_ms` by stage (decode, preprocess, vision, language)."""

    answers: tuple[Answer, ...]
    usage: Usage
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    explanation: str | None = None


def most_probable(question: Question, probabilities: Sequence[float]) -> Answer:
    """The answer to `question`, given one probability an answer in the question's own order."""
    best = max(range(len(probabilities)), key=probabilities.__getitem__)
    return Answer(question.id, question.answers[best], dict(zip(question.answers, probabilities, strict=True)))


def check_answers(questions: Sequence[Question], answers: Sequence[Answer]) -> None:
    """Raise `model_output_invalid` unless every question has a probability distribution over its own answers."""
    if [answer.id for answer in answers] != [question.id for question in questions]:
        raise EndpointError("model_output_invalid", "The model did not answer the questions that were asked.")
    for question, answer in zip(questions, answers, strict=True):
        values = list(answer.probabilities.values())
        listed = set(answer.probabilities) == set(question.answers) and answer.answer in question.answers
        # A NaN fails the comparison with 1, so it needs no test of its own; the bounds catch what cancels out.
        whole = abs(math.fsum(values) - 1.0) <= PROBABILITY_TOLERANCE and all(0.0 <= value <= 1.0 for value in values)
        if not (listed and whole):
            raise EndpointError(
                "model_output_invalid", f"The answer to question '{question.id}' is no probability distribution."
            )
