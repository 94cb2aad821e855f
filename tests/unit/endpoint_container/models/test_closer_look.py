"""What is asked again, at how many tiles, and what comes of it."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.closer_look import closer_look, joined, margin
from models.inspection import Answer, Inspection, InspectionResult, Question, Usage, check_answers
from models.interface import FollowingRunner
from models.internvl.calibration import Calibration
from models.internvl.inspector import InternVLInspector
from models.internvl.loaded import InternVL
from tests.unit.endpoint_container.models.test_batching import TOLERANCE, furthest

IDS = ("a", "b", "c")


def answered(usage: Usage, **yes: float) -> InspectionResult:
    """A result with the probability of `yes` for each question."""
    answers = tuple(Answer(name, "yes", {"yes": value, "no": 1 - value}) for name, value in yes.items())
    return InspectionResult(answers, usage, {"vision": 1.0})


def request(closer: tuple[int, ...]) -> Inspection:
    return Inspection((), {}, tuple(Question(name, "Is it?", ("yes", "no")) for name in IDS), 1, closer)


def test_the_margin_is_between_the_best_two() -> None:
    assert margin(Answer("q", "b", {"a": 0.2, "b": 0.5, "c": 0.3})) == pytest.approx(0.2)


@given(st.tuples(*[st.floats(0, 1)] * 3), st.floats(0, 1))
def test_those_in_doubt_are_asked_again_and_no_others(yes: tuple[float, float, float], least: float) -> None:
    result = answered(Usage(1, 1, 9, 0), **dict(zip(IDS, yes, strict=True)))
    closer = closer_look(request((6, 12)), result, lambda _: least)
    unsure = frozenset(answer.id for answer in result.answers if margin(answer) < least)
    if closer is None:
        assert not unsure
    else:
        assert closer.asked == unsure
        assert (closer.max_tiles, closer.closer_tiles) == (6, (12,))
        assert {question.id for question in closer.asked_questions} == unsure
        assert closer.questions == request(()).questions, "all are listed, so that the prefix stays the same"


def test_a_question_has_a_margin_of_its_own_and_looks_come_to_an_end() -> None:
    result = answered(Usage(1, 1, 9, 0), a=0.6, b=0.6, c=0.9)
    closer = closer_look(request((6,)), result, {"a": 0.1, "b": 0.3, "c": 0.9}.__getitem__)
    assert closer is not None
    assert closer.asked == frozenset({"b", "c"})
    assert closer_look(closer, result, lambda _: 1.0) is None


def test_the_last_look_counts_and_the_cost_adds_up() -> None:
    first = answered(Usage(2, 2, 100, 0), a=0.9, b=0.6, c=0.5)
    second = joined(first, answered(Usage(2, 14, 700, 0), b=0.2, c=0.55))
    third = joined(second, answered(Usage(2, 26, 1300, 0), c=0.99))
    assert [answer.probabilities["yes"] for answer in third.answers] == [0.9, 0.2, 0.99]
    assert [answer.id for answer in third.answers] == list(IDS)
    assert third.usage == Usage(2, 42, 2100, 0, looks=3, closer_questions=2)
    assert third.timings_ms == {"vision": 3.0}


def in_doubt(model: InternVL, **margins: float) -> InternVLInspector:
    """The tiny model's inspector with other margins; by default it is sure of everything."""
    runner = model.inspector
    calibration = Calibration(margins=margins, default_margin=0.0)
    return InternVLInspector(
        runner.identity,
        runner.model,
        runner.encoder,
        runner.preprocessing,
        calibration,
        runner.features,
        runner.prefixes,
        runner.seen,
    )


def inspect(inspector: InternVLInspector, asked: Inspection) -> InspectionResult:
    """All looks, as the server takes them."""
    latest = result = inspector.run(inspector.prepare(asked))
    while (more := inspector.follow_up(asked, latest)) is not None:
        asked, latest = more.request, more.runner.run(more.runner.prepare(more.request))
        result = inspector.joined(result, latest)
    return result


def test_a_closer_answer_is_that_of_looking_closely_at_once(
    internvl: InternVL, inspection: Callable[..., Inspection]
) -> None:
    inspector = in_doubt(internvl, damaged=1.0)
    result = inspect(inspector, inspection(1, 2, max_tiles=1, closer_tiles=(4, 9)))

    check_answers(inspection(1).questions, result.answers)
    once = {tiles: inspect(inspector, inspection(1, 2, max_tiles=tiles)) for tiles in (1, 4, 9)}
    expected = (once[9].answers[0], *once[1].answers[1:])
    assert furthest(result, replace(result, answers=expected)) <= TOLERANCE
    assert furthest(once[1], once[9]) > TOLERANCE, "else it would prove nothing"
    assert result.usage.tiles == sum(one.usage.tiles for one in once.values())
    assert (result.usage.looks, result.usage.closer_questions) == (3, 1)
    assert isinstance(inspector, FollowingRunner)


def test_who_is_sure_looks_once(internvl: InternVL, inspection: Callable[..., Inspection]) -> None:
    result = inspect(in_doubt(internvl), inspection(1, max_tiles=1, closer_tiles=(4, 9)))
    assert (result.usage.looks, result.usage.tiles, result.usage.closer_questions) == (1, 1, 0)


def test_a_look_that_shows_no_more_is_skipped(internvl: InternVL, inspection: Callable[..., Inspection]) -> None:
    """A square photo is cut into one tile or into four: up to 2 or 3 are of no use to it."""
    inspector = in_doubt(internvl, damaged=1.0)
    square = inspection(1, max_tiles=1)
    square = replace(square, photos=(replace(square.photos[0], width=48, height=48),), closer_tiles=(2, 3))
    result = inspector.run(inspector.prepare(square))
    assert inspector.follow_up(square, result) is None
    more = inspector.follow_up(replace(square, closer_tiles=(2, 3, 4)), result)
    assert more is not None
    assert (more.request.max_tiles, more.request.closer_tiles) == (4, ())


def test_closer_looks_share_batches_with_closer_looks_only(
    internvl: InternVL, inspection: Callable[..., Inspection]
) -> None:
    inspector = in_doubt(internvl, damaged=1.0)
    request = inspection(1, max_tiles=1, closer_tiles=(4,))
    result = inspector.run(inspector.prepare(request))
    first, second = inspector.follow_up(request, result), inspector.follow_up(request, result)
    assert first is not None
    assert second is not None
    assert first.runner is second.runner is not inspector
