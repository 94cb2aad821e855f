"""The inspect task on InternVL, and the loaded model that offers it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from traceback import clear_frames
from typing import Any

import torch
from transformers import InternVLForConditionalGeneration

from models.errors import EndpointError, ModelDefunct
from models.inspection import Inspection, InspectionResult, Question, Usage, check_answers, most_probable
from models.interface import CacheCounts, Cost, ModelIdentity, TaskRunner
from models.internvl.calibration import Calibration
from models.internvl.encoding import EncodedPrompt, PromptEncoder
from models.internvl.grouping import group_prompts
from models.internvl.photo_features import PhotoFeatures, PreparedPhoto, photo_key
from models.internvl.preprocessing import Preprocessing
from models.internvl.sample import sample_inspection
from models.internvl.scoring import answer_logits, probabilities
from models.internvl.shared_prefix import SharedPrefixes
from models.internvl.tiling import tile_count
from models.photo import Photo

# Positions that pass the language model together: bounds its memory, and more make neither CPU nor GPU faster.
LANGUAGE_TOKENS = 8192


@dataclass(frozen=True)
class PreparedInspection:
    """All that the model thread needs."""

    questions: tuple[Question, ...]
    photos: tuple[PreparedPhoto, ...]
    prompt: EncodedPrompt
    timings_ms: Mapping[str, float]

    @property
    def tiles(self) -> int:
        return sum(photo.count for photo in self.photos)


class InternVLInspector:
    """Answers closed questions about photos by the probabilities of the answers' first tokens."""

    def __init__(
        self,
        identity: ModelIdentity,
        model: InternVLForConditionalGeneration,
        encoder: PromptEncoder,
        preprocessing: Preprocessing,
        calibration: Calibration,
        features: PhotoFeatures,
        prefixes: SharedPrefixes,
    ) -> None:
        self.identity = identity
        self.model = model
        self.encoder = encoder
        self.preprocessing = preprocessing
        self.calibration = calibration
        self.features = features
        self.prefixes = prefixes
        self._max_positions = int(model.config.get_text_config().max_position_embeddings)

    def prepare(self, request: Inspection) -> PreparedInspection:
        """Decode and tile the photos, tokenize the prompt."""
        timings_ms = {"decode": 0.0, "preprocess": 0.0}
        photos = tuple(self._photo(photo, request.max_tiles, timings_ms) for photo in request.photos)
        started = perf_counter()
        prompt = self.encoder.encode(request, [photo.count for photo in photos])
        if prompt.longest > self._max_positions:
            detail = f"{prompt.longest} tokens; the model holds {self._max_positions}. Send fewer photos or tiles."
            raise EndpointError("prompt_too_long", detail, "photos")
        timings_ms["preprocess"] += (perf_counter() - started) * 1000
        return PreparedInspection(request.questions, photos, prompt, timings_ms)

    def cost(self, prepared: PreparedInspection) -> Cost:
        return Cost(prepared.prompt.tokens, prepared.tiles)

    def run(self, prepared: PreparedInspection) -> InspectionResult:
        """Look at the photos once, then answer all questions."""
        return self.run_batch([prepared])[0]

    @torch.inference_mode()
    def run_batch(self, batch: Sequence[PreparedInspection]) -> list[InspectionResult]:
        """The same for several inspections at once; the timings of each are those of the batch.

        Raises `out_of_memory` if the batch is more than the accelerator holds.
        """
        try:
            started = perf_counter()
            photos = iter(self.features.look([photo for prepared in batch for photo in prepared.photos]))
            features = [torch.cat([next(photos) for _ in prepared.photos]) for prepared in batch]
            self._synchronise()
            seen = perf_counter()
            logits = self._logits([prepared.prompt for prepared in batch], features)
        except torch.OutOfMemoryError as error:
            # The tensors of the failed forward hang on its frames, and the next attempt needs their memory.
            clear_frames(error.__traceback__)
            torch.cuda.empty_cache()
            raise EndpointError("out_of_memory", "Send fewer photos, tiles or questions.", "photos") from error
        except torch.AcceleratorError as error:
            raise ModelDefunct("The accelerator failed and must be restarted.") from error
        timings_ms = {"vision": (seen - started) * 1000, "language": (perf_counter() - seen) * 1000}
        return [self._result(prepared, row, timings_ms) for prepared, row in zip(batch, logits, strict=True)]

    def _photo(self, photo: Photo, max_tiles: int | None, timings_ms: dict[str, float]) -> PreparedPhoto:
        """Tiles of a photo, or its features if they are known; adds to the timings."""
        started = perf_counter()
        columns, rows = grid = self.preprocessing.grid(photo, max_tiles)
        key = photo_key(photo, grid, self.preprocessing, self.identity.digest)
        if (known := self.features.known(key)) is not None:
            timings_ms["preprocess"] += (perf_counter() - started) * 1000
            return PreparedPhoto(key, tile_count(grid), None, known)
        tile_px = self.preprocessing.tile_px
        image = photo.decode((columns * tile_px, rows * tile_px))
        decoded = perf_counter()
        tiles = self.preprocessing.tiles(photo, image, max_tiles)
        timings_ms["decode"] += (decoded - started) * 1000
        timings_ms["preprocess"] += (perf_counter() - decoded) * 1000
        return PreparedPhoto(key, len(tiles), tiles)

    def _logits(self, prompts: list[EncodedPrompt], features: list[torch.Tensor]) -> list[list[torch.Tensor]]:
        """The answers' logits by prompt and question."""
        found: dict[int, list[torch.Tensor]] = {}
        for group in group_prompts(prompts, self.prefixes.cache.enabled, LANGUAGE_TOKENS):
            state = self.prefixes.start(prompts[group[0]].checklist, len(group))
            rows = answer_logits(
                self.model, [prompts[index] for index in group], [features[index] for index in group], state
            )
            found.update(zip(group, rows, strict=True))
        return [found[index] for index in range(len(prompts))]

    def _result(
        self, prepared: PreparedInspection, logits: list[torch.Tensor], timings_ms: Mapping[str, float]
    ) -> InspectionResult:
        answers = tuple(
            most_probable(question, probabilities(row, self.calibration.temperature(question.id)))
            for question, row in zip(prepared.questions, logits, strict=True)
        )
        usage = Usage(len(prepared.photos), prepared.tiles, prepared.prompt.tokens, generated_tokens=0)
        return InspectionResult(answers, usage, {**prepared.timings_ms, **timings_ms})

    def _synchronise(self) -> None:
        if self.model.device.type == "cuda":
            torch.cuda.synchronize(self.model.device)


class InternVL:
    """A loaded InternVL checkpoint: one model, the tasks it offers."""

    def __init__(self, inspector: InternVLInspector) -> None:
        self.identity = inspector.identity
        self.inspector = inspector
        self.tasks: Mapping[str, TaskRunner[Any, Any, Any]] = {"inspect": inspector}

    @property
    def caches(self) -> Mapping[str, CacheCounts]:
        return {"photo": self.inspector.features.cache.counts, "prefix": self.inspector.prefixes.cache.counts}

    def self_test(self) -> None:
        """Inspect a small grey photo; raise `model_output_invalid` unless probabilities come out."""
        inspection = sample_inspection()
        result = self.inspector.run(self.inspector.prepare(inspection))
        check_answers(inspection.questions, result.answers)
