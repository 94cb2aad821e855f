"""What InternVL writes: descriptions of photos, and explanations of an inspection's answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, Generic, Protocol, TypeVar

import torch

from models.checkpoint.accelerator import Stopwatch, accelerator_errors
from models.description import DescriptionRequest, DescriptionResult
from models.generation.describing import described, endings, shown, teller
from models.generation.slot_writer import SlotWriter
from models.inspection import Answer, Inspection, InspectionResult, Usage
from models.interface import Cost
from models.internvl.photo_features import PhotoFeatures, PreparedPhoto
from models.internvl.wording import InternVLWording
from models.photo import Photo
from models.writing import Draft, Ending, Teller, Unwritten

TOO_LARGE = "Send fewer photos or tiles."
Result = TypeVar("Result")
Texts = Sequence[Sequence[int]]


class PhotoPreparation(Protocol):
    """Tiles or known features of a photo; adds to the timings."""

    def __call__(self, photo: Photo, max_tiles: int | None, timings_ms: dict[str, float]) -> PreparedPhoto: ...


@dataclass(frozen=True)
class PreparedText(Generic[Result]):
    """All that the model thread needs; `finish` makes the result of the texts' tokens, their cost and the timings."""

    request: Any
    photos: tuple[PreparedPhoto, ...]
    prefix: tuple[int, ...]
    endings: tuple[Ending, ...]
    finish: Callable[[Texts, Usage, Mapping[str, float]], Result]
    timings_ms: Mapping[str, float]

    @property
    def tokens(self) -> int:
        return len(self.prefix) + sum(len(ending.ids) for ending in self.endings)

    @property
    def tiles(self) -> int:
        return sum(photo.count for photo in self.photos)


class InternVLScribe:
    """Looks at the photos of requests that wait together, and leaves the rest to the writer."""

    def __init__(
        self, prepare_photo: PhotoPreparation, features: PhotoFeatures, wording: InternVLWording, writer: SlotWriter
    ) -> None:
        self.wording = wording
        self.writer = writer
        self._prepare_photo = prepare_photo
        self._features = features

    def prepare_text(
        self,
        request: DescriptionRequest | Inspection,
        asked: Sequence[Ending],
        finish: Callable[[Texts, Usage, Mapping[str, float]], Result],
    ) -> PreparedText[Result]:
        """Decode and tile the photos, tokenize what stands before the endings. Raises `prompt_too_long`."""
        timings_ms = {"decode": 0.0, "preprocess": 0.0}
        with accelerator_errors(TOO_LARGE, "photos"):
            photos = tuple(self._prepare_photo(photo, request.max_tiles, timings_ms) for photo in request.photos)
        started = perf_counter()
        prefix = self.wording.prefix([photo.count for photo in photos], request.item)
        self.writer.check(Draft(prefix, None, tuple(asked)))
        timings_ms["preprocess"] += (perf_counter() - started) * 1000
        return PreparedText(request, photos, prefix, tuple(asked), finish, timings_ms)

    def cost(self, prepared: PreparedText[Any]) -> Cost:
        return Cost(prepared.tokens, prepared.tiles)

    def run(self, prepared: PreparedText[Result]) -> Unwritten[Result]:
        return self.run_batch([prepared])[0]

    @torch.inference_mode()
    def run_batch(self, batch: Sequence[PreparedText[Result]]) -> list[Unwritten[Result]]:
        """Look at all photos of the batch together."""
        with accelerator_errors(TOO_LARGE, "photos"):
            watch = Stopwatch(self.writer.device)
            look = self._features.look([photo for prepared in batch for photo in prepared.photos])
            photos = iter(look.features)
            features = [torch.cat([next(photos) for _ in prepared.photos]) for prepared in batch]
            watch.mark()
            (vision_ms,) = watch.stages_ms()
            self._features.keep(look.fresh)
        return [_unwritten(prepared, seen, vision_ms) for prepared, seen in zip(batch, features, strict=True)]


class InternVLDescriber(InternVLScribe):
    """The describe task."""

    def prepare(self, request: DescriptionRequest) -> PreparedText[DescriptionResult]:
        def finish(texts: Texts, usage: Usage, timings_ms: Mapping[str, float]) -> DescriptionResult:
            return DescriptionResult(described(request, self.wording, texts), usage, timings_ms)

        return self.prepare_text(request, endings(request, self.wording), finish)

    def teller(self, prepared: PreparedText[DescriptionResult]) -> Teller:
        return teller(prepared.request, self.wording)


@dataclass(frozen=True)
class Explanation:
    """What is to be explained: an inspection, and the final answers to its questions."""

    inspection: Inspection
    answers: tuple[Answer, ...]


class InternVLExplainer(InternVLScribe):
    """Writes why an inspection was answered as it was; the answers are final before it begins."""

    def prepare(self, request: Explanation) -> PreparedText[InspectionResult]:
        inspection = request.inspection
        asked = Ending(self.wording.explanation(inspection.questions, request.answers), inspection.explanation_tokens)

        def finish(texts: Texts, usage: Usage, timings_ms: Mapping[str, float]) -> InspectionResult:
            return InspectionResult(request.answers, usage, timings_ms, shown(self.wording, texts[0]))

        return self.prepare_text(inspection, [asked], finish)


def explained(result: InspectionResult, later: InspectionResult) -> InspectionResult:
    """An inspection's result with its explanation; tokens and times of both, photos and looks of the first."""
    usage = replace(
        result.usage,
        prompt_tokens=result.usage.prompt_tokens + later.usage.prompt_tokens,
        generated_tokens=result.usage.generated_tokens + later.usage.generated_tokens,
    )
    stages = {**result.timings_ms, **later.timings_ms}
    timings_ms = {stage: result.timings_ms.get(stage, 0.0) + later.timings_ms.get(stage, 0.0) for stage in stages}
    return replace(result, usage=usage, timings_ms=timings_ms, explanation=later.explanation)


def _unwritten(prepared: PreparedText[Result], features: torch.Tensor, vision_ms: float) -> Unwritten[Result]:
    def finish(texts: Texts, written_ms: Mapping[str, float]) -> Result:
        usage = Usage(len(prepared.photos), prepared.tiles, prepared.tokens, generated_tokens=sum(map(len, texts)))
        return prepared.finish(texts, usage, {**prepared.timings_ms, "vision": vision_ms, **written_ms})

    return Unwritten(Draft(prepared.prefix, features, prepared.endings), finish)
