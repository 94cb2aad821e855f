"""Models that misbehave in one way each, and one that does not. A class is what `load_model` returns or is."""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

from models.closer_look import closer_look, joined
from models.errors import EndpointError, LoadError, ModelDefunct
from models.inspection import Answer, Inspection, InspectionResult, Usage
from models.interface import Cost, FollowUp, LoadedModel, ModelIdentity, TaskRunner

SECRET = "marzipan-4711"


class PicksFirst:
    """Healthy: is rather sure of the first answer of every question."""

    identity = ModelIdentity("fake", "1", "0" * 64)

    @property
    def tasks(self) -> Mapping[str, TaskRunner[Any, Any, Any]]:
        return {"inspect": self}

    def self_test(self) -> None: ...

    def prepare(self, request: Inspection) -> Inspection:
        return request

    def run(self, prepared: Inspection) -> InspectionResult:
        answers = []
        for question in prepared.questions:
            first, *others = question.answers
            rest = dict.fromkeys(others, 0.25 / len(others))
            answers.append(Answer(question.id, first, {first: 0.75, **rest}))
        usage = Usage(photos=len(prepared.photos), tiles=len(prepared.photos), prompt_tokens=10, generated_tokens=0)
        return InspectionResult(tuple(answers), usage, {"vision": 1.0, "language": 2.0})


class DoesNothing(PicksFirst):
    """Offers no task at all."""

    @property
    def tasks(self) -> Mapping[str, TaskRunner[Any, Any, Any]]:
        return {}


class Waits(PicksFirst):
    """Each run waits until the test opens the gate; `started` counts the runs that began."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.started = threading.Semaphore(0)
        self.ran: list[str] = []

    def run(self, prepared: Inspection) -> InspectionResult:
        self.ran.append(prepared.photos[0].id)
        self.started.release()
        assert self.gate.wait(10)
        return super().run(prepared)


class Batches(Waits):
    """Takes several requests at once, photos as tiles and 100 tokens each; `sizes` are those of its batches.

    Together they need more than it has for more than `room` requests, and a photo named `poison` fails alone or not.
    """

    def __init__(self, room: int = 100) -> None:
        super().__init__()
        self.room = room
        self.sizes: list[int] = []

    def cost(self, prepared: Inspection) -> Cost:
        return Cost(tokens=100, tiles=len(prepared.photos))

    def run(self, prepared: Inspection) -> InspectionResult:
        self.sizes.append(1)
        if any(photo.id == "poison" for photo in prepared.photos):
            raise EndpointError("out_of_memory", "Send less.")
        return super().run(prepared)

    def run_batch(self, batch: Sequence[Inspection]) -> list[InspectionResult]:
        self.sizes.append(len(batch))
        if len(batch) > self.room or any(photo.id == "poison" for prepared in batch for photo in prepared.photos):
            raise EndpointError("out_of_memory", "Send less.")
        return [PicksFirst.run(self, prepared) for prepared in batch]


class LooksCloser(PicksFirst):
    """Asks its questions again at every further limit of tiles, all but the first; refuses more than `room` tiles.

    `looks` are the limits it looked at.
    """

    def __init__(self, room: int = 12) -> None:
        self.room = room
        self.looks: list[int | None] = []

    def prepare(self, request: Inspection) -> Inspection:
        if (request.max_tiles or 1) > self.room:
            raise EndpointError("prompt_too_long", "Send less.")
        return request

    def run(self, prepared: Inspection) -> InspectionResult:
        self.looks.append(prepared.max_tiles)
        result = super().run(replace(prepared, questions=prepared.asked_questions))
        return result if prepared.asked is None else replace_probabilities(result, 0.5)

    def follow_up(self, request: Inspection, result: InspectionResult) -> FollowUp | None:
        closer = closer_look(request, result, lambda _: 0.6)
        return None if closer is None else FollowUp(self, closer)

    def joined(self, result: InspectionResult, later: InspectionResult) -> InspectionResult:
        return joined(result, later)


class TakesItsTime(PicksFirst):
    """Each run takes `seconds`."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def run(self, prepared: Inspection) -> InspectionResult:
        time.sleep(self.seconds)
        return super().run(prepared)


class RaisesInRun(PicksFirst):
    """Fails on whatever has more than one photo, with what it saw in the message."""

    def run(self, prepared: Inspection) -> InspectionResult:
        if len(prepared.photos) > 1:
            raise RuntimeError(f"cannot look at {SECRET}")
        return super().run(prepared)


class RaisesInPrepare(PicksFirst):
    def prepare(self, request: Inspection) -> NoReturn:
        raise RuntimeError(f"cannot cut {SECRET}")


class DiesInRun(PicksFirst):
    """Takes its thread down."""

    def run(self, prepared: Inspection) -> NoReturn:
        raise SystemExit(3)


class LosesItsAccelerator(PicksFirst):
    def run(self, prepared: Inspection) -> NoReturn:
        raise ModelDefunct("The accelerator failed.")


class ReturnsNaN(PicksFirst):
    def run(self, prepared: Inspection) -> InspectionResult:
        return replace_probabilities(super().run(prepared), float("nan"))


class IsTooSure(PicksFirst):
    """Its probabilities add up to 2 or more."""

    def run(self, prepared: Inspection) -> InspectionResult:
        return replace_probabilities(super().run(prepared), 1.0)


class ForgetsAQuestion(PicksFirst):
    def run(self, prepared: Inspection) -> InspectionResult:
        result = super().run(prepared)
        return InspectionResult(result.answers[1:], result.usage, result.timings_ms)


class FailsItsSelfTest(PicksFirst):
    def self_test(self) -> None:
        raise RuntimeError("no answer came out")


class LoadsLater:
    """Loads a healthy model once the test opens the gate."""

    def __init__(self) -> None:
        self.gate = threading.Event()

    def __call__(self) -> LoadedModel:
        assert self.gate.wait(10)
        return PicksFirst()


class FailsAtLoad:
    """The artifact is at fault."""

    def __call__(self) -> LoadedModel:
        raise LoadError("model.safetensors: the sha256 differs")


class BreaksAtLoad:
    """Nobody foresaw it."""

    def __call__(self) -> LoadedModel:
        raise MemoryError


def replace_probabilities(result: InspectionResult, value: float) -> InspectionResult:
    """The same answers, every probability `value`."""
    answers = tuple(
        Answer(answer.id, answer.answer, dict.fromkeys(answer.probabilities, value)) for answer in result.answers
    )
    return InspectionResult(answers, result.usage, result.timings_ms)
