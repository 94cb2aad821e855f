"""The describe task, for any model family: photos in, a sentence, an answer to a question or a product report out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from models.errors import EndpointError
from models.inspection import Usage
from models.photo import Photo

MAX_REPORT_VALUE_CHARS = 80


class Kind(StrEnum):
    """What is asked for."""

    CAPTION = "caption"
    QUESTION = "question"
    REPORT = "report"


@dataclass(frozen=True)
class DescriptionRequest:
    """`question` is there for that kind only; `item` is what the photos should show, `max_tiles` as in Inspection."""

    photos: tuple[Photo, ...]
    kind: Kind
    max_new_tokens: int
    question: str | None = None
    item: Mapping[str, object] | None = None
    max_tiles: int | None = None


@dataclass(frozen=True)
class ReportField:
    """One field of a report, asked as a question of its own.

    With `answers` it is one of them, "yes" and "no" becoming a truth value; without, a few words.
    """

    name: str
    question: str
    answers: tuple[str, ...] = ()


REPORT_FIELDS = (
    ReportField("kind", "What kind of item is this?"),
    ReportField("colour", "What colour is the item?"),
    ReportField("material", "What material is the item made of?"),
    ReportField("text_visible", "Is any text visible on the item?", ("yes", "no")),
    ReportField("condition", "Is the item new, used or damaged?", ("new", "used", "damaged")),
)
# The most that is written for a field without fixed answers.
REPORT_FIELD_TOKENS = 12


@dataclass(frozen=True)
class Description:
    """`text` for a caption or an answer, `truncated` where the limit cut it off; `report` by field for a report."""

    text: str | None = None
    truncated: bool = False
    report: Mapping[str, str | bool | None] | None = None


@dataclass(frozen=True)
class DescriptionResult:
    """A description, what it cost, and `timings_ms` by stage."""

    description: Description
    usage: Usage
    timings_ms: Mapping[str, float] = field(default_factory=dict)


def report_value(asked: ReportField, text: str) -> str | bool | None:
    """What the model wrote for a field, as the field's own type: None if it wrote nothing that can be shown."""
    if asked.answers:
        return text == "yes" if asked.answers == ("yes", "no") else text
    # One line, and short: what a model says beyond that is no value of a field.
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return line[:MAX_REPORT_VALUE_CHARS].strip() or None


def check_description(request: DescriptionRequest, result: DescriptionResult) -> None:
    """Raise `model_output_invalid` unless the description is of the kind that was asked for, and whole."""
    text, report = result.description.text, result.description.report
    if request.kind is not Kind.REPORT:
        if report is not None or not isinstance(text, str):
            raise EndpointError("model_output_invalid", "The model did not write a text.")
        return
    if text is not None or report is None or list(report) != [asked.name for asked in REPORT_FIELDS]:
        raise EndpointError("model_output_invalid", "The model did not fill in the report.")
    for asked in REPORT_FIELDS:
        if not _fits(asked, report[asked.name]):
            raise EndpointError("model_output_invalid", f"The report's '{asked.name}' is not usable.")


def _fits(asked: ReportField, value: object) -> bool:
    if asked.answers == ("yes", "no"):
        return isinstance(value, bool)
    if asked.answers:
        return value in asked.answers
    return value is None or (isinstance(value, str) and 0 < len(value) <= MAX_REPORT_VALUE_CHARS)
