"""The inspect task on the wire: photos, an item and closed questions in; a probability for every answer out."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from models.errors import EndpointError
from models.inspection import Inspection, InspectionResult, Question, check_answers
from server.settings import Settings
from server.tasks.fields import check_text, read_item, read_photos, refuse_twins
from server.tasks.schema import InspectBody, QuestionBody, TilesBody, parse_body


class InspectTask:
    """Validates an inspection and renders its answers."""

    def parse(self, body: Mapping[str, Any], settings: Settings) -> Inspection:
        """An inspection within the settings' limits; no photo is decoded yet, only its header is read."""
        request = parse_body(InspectBody, body)
        if request.explain and settings.generation_slots == 0:
            raise EndpointError("explain_unavailable", "Send explain: false.", "explain")
        _check_tiles(request.tiles, settings)
        # The cheap checks come first: bytes are decoded only for a request that could be served.
        questions = _questions(request.questions, settings)
        item = read_item(request.item, settings)
        photos = read_photos(request.photos, settings)
        explanation_tokens = min(settings.default_new_tokens, settings.max_new_tokens) if request.explain else 0
        return Inspection(
            photos,
            item,
            questions,
            request.tiles.first,
            tuple(request.tiles.closer),
            explanation_tokens=explanation_tokens,
        )

    def render(self, request: Inspection, result: InspectionResult) -> dict[str, Any]:
        """Answers in the order of the questions, and what they cost."""
        check_answers(request.questions, result.answers)
        return {
            "answers": [asdict(answer) for answer in result.answers],
            "explanation": result.explanation,
            "usage": asdict(result.usage),
        }


def _check_tiles(body: TilesBody, settings: Settings) -> None:
    """Every look may take more tiles than the one before it; where the first is the model's own choice, more than 1."""
    least = 1 if body.first is None else body.first
    fields = {"tiles.first": least} | {f"tiles.closer[{number}]": tiles for number, tiles in enumerate(body.closer)}
    for field, tiles in fields.items():
        if not 1 <= tiles <= settings.max_tiles:
            raise EndpointError("too_many_tiles", f"From 1 to {settings.max_tiles} tiles a photo.", field)
        if field != "tiles.first" and tiles <= least:
            raise EndpointError("invalid_field", "A closer look takes more tiles than the one before it.", field)
        least = tiles


def _questions(bodies: list[QuestionBody], settings: Settings) -> tuple[Question, ...]:
    if not bodies:
        raise EndpointError("no_questions", "Send at least one question.", "questions")
    if len(bodies) > settings.max_questions:
        raise EndpointError("too_many_questions", f"At most {settings.max_questions} questions.", "questions")
    refuse_twins("duplicate_id", (body.id for body in bodies), "questions")
    return tuple(_question(body, f"questions[{number}]", settings) for number, body in enumerate(bodies))


def _question(body: QuestionBody, field: str, settings: Settings) -> Question:
    check_text(body.text, f"{field}.text", settings)
    if len(body.answers) < 2:
        raise EndpointError("too_few_answers", "A question with one answer asks nothing.", f"{field}.answers")
    if len(body.answers) > settings.max_answers:
        raise EndpointError("too_many_answers", f"At most {settings.max_answers} answers.", f"{field}.answers")
    for number, answer in enumerate(body.answers):
        check_text(answer, f"{field}.answers[{number}]", settings)
    refuse_twins("duplicate_answer", (answer.strip().casefold() for answer in body.answers), f"{field}.answers")
    return Question(body.id, body.text, tuple(body.answers))
