"""The describe task as endings of a draft and back, the same for every family; a family brings its own words."""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Protocol

from models.description import (
    REPORT_FIELD_TOKENS,
    REPORT_FIELDS,
    Description,
    DescriptionRequest,
    Kind,
    ReportField,
    report_value,
)
from models.errors import EndpointError
from models.writing import Ending, Teller

# What a tokenizer shows for a character whose last bytes are still to come.
INCOMPLETE = "\ufffd"


class Wording(Protocol):
    """What follows the photos in a family's own tokens, and its tokens as text."""

    @property
    def ends(self) -> frozenset[int]:
        """Tokens that end a text."""

    def caption(self) -> tuple[int, ...]: ...

    def question(self, text: str, answers: Sequence[str], field: str | None = None) -> tuple[int, ...]:
        """An open question, or one with fixed answers; `field` is its place in the request, if it stands there."""

    def answer(self, text: str) -> tuple[int, ...]:
        """A fixed answer as it would stand right behind `question`."""

    def text(self, tokens: Sequence[int]) -> str:
        """Tokens as text, those that mark an end left out."""


def endings(request: DescriptionRequest, wording: Wording) -> tuple[Ending, ...]:
    """What is to be written: one text, or one for each field of the report. Raises `answers_not_scorable`."""
    if request.kind is Kind.CAPTION:
        return (Ending(wording.caption(), request.max_new_tokens),)
    if request.kind is Kind.QUESTION:
        return (Ending(wording.question(request.question or "", (), "question"), request.max_new_tokens),)
    return tuple(_report_ending(asked, request.max_new_tokens, wording) for asked in REPORT_FIELDS)


def described(request: DescriptionRequest, wording: Wording, texts: Sequence[Sequence[int]]) -> Description:
    """The description that the tokens behind the endings make up."""
    if request.kind is Kind.REPORT:
        values = zip(REPORT_FIELDS, texts, strict=True)
        return Description(report={asked.name: _value(asked, wording, tokens) for asked, tokens in values})
    (tokens,) = texts
    return Description(shown(wording, tokens), truncated(wording, tokens, request.max_new_tokens))


def shown(wording: Wording, tokens: Sequence[int]) -> str:
    """The text of these tokens as a client gets it."""
    return wording.text(tokens).strip()


def truncated(wording: Wording, tokens: Sequence[int], most: int) -> bool:
    """Whether a text was cut off by its limit."""
    return len(tokens) >= most and tokens[-1] not in wording.ends


def teller(request: DescriptionRequest, wording: Wording) -> Teller:
    """Tells a text by the piece, such that the pieces together are the text; and a report by the finished field."""
    if request.kind is Kind.REPORT:
        return lambda number, tokens, finished: _field(REPORT_FIELDS[number], wording, tokens) if finished else None
    told = ""

    def tell(_: int, tokens: Sequence[int], finished: bool) -> Mapping[str, object] | None:
        nonlocal told
        text = shown(wording, tokens)
        fresh = (text if finished else text.rstrip(INCOMPLETE).rstrip())[len(told) :]
        told += fresh
        return {"text": fresh} if fresh else None

    return tell


def _report_ending(asked: ReportField, max_new_tokens: int, wording: Wording) -> Ending:
    ids = wording.question(asked.question, asked.answers)
    if not asked.answers:
        return Ending(ids, min(max_new_tokens, REPORT_FIELD_TOKENS))
    common, choices = _choices(asked, wording)
    return Ending(ids + common, 1, choices)


def _choices(asked: ReportField, wording: Wording) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The tokens that all of a field's answers begin with, if any, and the one that tells each from the others."""
    answers = [wording.answer(answer) for answer in asked.answers]
    common = tuple(column[0] for column in takewhile(lambda column: len(set(column)) == 1, zip(*answers, strict=False)))
    choices = tuple(answer[len(common)] for answer in answers if len(answer) > len(common))
    if len(set(choices)) < len(answers):
        raise EndpointError("answers_not_scorable", f"The model cannot tell the answers for '{asked.name}' apart.")
    return common, choices


def _field(asked: ReportField, wording: Wording, tokens: Sequence[int]) -> Mapping[str, object]:
    return {"field": asked.name, "value": _value(asked, wording, tokens)}


def _value(asked: ReportField, wording: Wording, tokens: Sequence[int]) -> str | bool | None:
    if asked.answers:
        _, choices = _choices(asked, wording)
        return report_value(asked, asked.answers[choices.index(tokens[0])])
    return report_value(asked, wording.text(tokens))
