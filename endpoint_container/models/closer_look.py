"""Looking closer only in doubt: which answers are unsure after a look, the look that asks them again, and the sum.

Tiles decide what a look costs, and most questions are answered at one tile a photo as they would be at many.
"""

from collections.abc import Callable
from dataclasses import replace

from models.inspection import Answer, Inspection, InspectionResult, Usage


def margin(answer: Answer) -> float:
    """The most probable answer's probability less the second's, after calibration: 0 is a toss-up, 1 is certain."""
    best, second, *_ = sorted(answer.probabilities.values(), reverse=True)
    return best - second


def closer_look(request: Inspection, result: InspectionResult, least: Callable[[str], float]) -> Inspection | None:
    """The next look at those of `request`'s questions that `result` left in doubt, or None if none is needed or left.

    `least` gives a question's margin, by its id, below which the answer is in doubt.
    """
    unsure = frozenset(answer.id for answer in result.answers if margin(answer) < least(answer.id))
    if not unsure or not request.closer_tiles:
        return None
    tiles, *closer = request.closer_tiles
    return replace(request, max_tiles=tiles, closer_tiles=tuple(closer), asked=unsure)


def joined(result: InspectionResult, later: InspectionResult) -> InspectionResult:
    """The answers of the later look where it gave some; tiles, tokens and times of both."""
    again = {answer.id: answer for answer in later.answers}
    one, other = result.usage, later.usage
    usage = Usage(
        photos=one.photos,
        tiles=one.tiles + other.tiles,
        prompt_tokens=one.prompt_tokens + other.prompt_tokens,
        generated_tokens=one.generated_tokens + other.generated_tokens,
        looks=one.looks + other.looks,
        # Who is still in doubt at the third look was so at the second.
        closer_questions=max(one.closer_questions, len(again)),
    )
    timings_ms = {
        stage: result.timings_ms.get(stage, 0.0) + later.timings_ms.get(stage, 0.0)
        for stage in {**result.timings_ms, **later.timings_ms}
    }
    return InspectionResult(tuple(again.get(answer.id, answer) for answer in result.answers), usage, timings_ms)
