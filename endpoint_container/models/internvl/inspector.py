"""The inspect task on InternVL, and the loaded model that offers it."""

from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import torch
from transformers import InternVLForConditionalGeneration

from models.errors import EndpointError, ModelDefunct
from models.inspection import Inspection, InspectionResult, Question, Usage, check_answers, most_probable
from models.interface import ModelIdentity, TaskRunner
from models.internvl.calibration import Calibration
from models.internvl.encoding import EncodedPrompt, PromptEncoder
from models.internvl.preprocessing import Preprocessing
from models.internvl.sample import sample_inspection
from models.internvl.scoring import answer_logits, photo_features, probabilities


@dataclass(frozen=True)
class PreparedInspection:
    """All that the model thread needs: `tiles` is uint8 [tiles, 3, side, side] of all photos in order."""

    questions: tuple[Question, ...]
    photos: int
    tiles: torch.Tensor
    prompt: EncodedPrompt
    timings_ms: Mapping[str, float]


class InternVLInspector:
    """Answers closed questions about photos by the probabilities of the answers' first tokens."""

    def __init__(
        self,
        model: InternVLForConditionalGeneration,
        encoder: PromptEncoder,
        preprocessing: Preprocessing,
        calibration: Calibration,
    ) -> None:
        self.model = model
        self.encoder = encoder
        self.preprocessing = preprocessing
        self.calibration = calibration
        self._max_positions = int(model.config.get_text_config().max_position_embeddings)

    def prepare(self, request: Inspection) -> PreparedInspection:
        """Decode and tile the photos, tokenize the prompt."""
        tile_px, decode_s, tile_s, tiles = self.preprocessing.tile_px, 0.0, 0.0, []
        for photo in request.photos:
            started = perf_counter()
            columns, rows = self.preprocessing.grid(photo, request.max_tiles)
            image = photo.decode((columns * tile_px, rows * tile_px))
            decoded = perf_counter()
            tiles.append(self.preprocessing.tiles(photo, image, request.max_tiles))
            decode_s, tile_s = decode_s + decoded - started, tile_s + perf_counter() - decoded
        started = perf_counter()
        prompt = self.encoder.encode(request, [len(photo_tiles) for photo_tiles in tiles])
        if prompt.longest > self._max_positions:
            detail = f"{prompt.longest} tokens; the model holds {self._max_positions}. Send fewer photos or tiles."
            raise EndpointError("prompt_too_long", detail, "photos")
        tile_s += perf_counter() - started
        timings_ms = {"decode": decode_s * 1000, "preprocess": tile_s * 1000}
        return PreparedInspection(request.questions, len(tiles), torch.cat(tiles), prompt, timings_ms)

    @torch.inference_mode()
    def run(self, prepared: PreparedInspection) -> InspectionResult:
        """Look at the photos once, then answer all questions in one forward."""
        try:
            started = perf_counter()
            pixels = self.preprocessing.normalise(prepared.tiles, self.model.device, self.model.dtype)
            features = photo_features(self.model, pixels)
            self._synchronise()
            seen = perf_counter()
            # Moving the logits to the CPU waits for the device, so the second timing needs no barrier of its own.
            logits = [row.cpu() for row in answer_logits(self.model, prepared.prompt, features)]
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise EndpointError("model_failed", "The accelerator has too little memory for this request.") from error
        except torch.AcceleratorError as error:
            raise ModelDefunct("The accelerator failed and must be restarted.") from error
        timings_ms = {**prepared.timings_ms, "vision": (seen - started) * 1000}
        timings_ms["language"] = (perf_counter() - seen) * 1000
        answers = tuple(
            most_probable(question, probabilities(row, self.calibration.temperature(question.id)))
            for question, row in zip(prepared.questions, logits, strict=True)
        )
        usage = Usage(prepared.photos, len(prepared.tiles), prepared.prompt.tokens, generated_tokens=0)
        return InspectionResult(answers, usage, timings_ms)

    def _synchronise(self) -> None:
        if self.model.device.type == "cuda":
            torch.cuda.synchronize(self.model.device)


class InternVL:
    """A loaded InternVL checkpoint: one model, the tasks it offers."""

    def __init__(self, identity: ModelIdentity, inspector: InternVLInspector) -> None:
        self.identity = identity
        self.inspector = inspector
        self.tasks: Mapping[str, TaskRunner[Any, Any, Any]] = {"inspect": inspector}

    def self_test(self) -> None:
        """Inspect a small grey photo; raise `model_output_invalid` unless probabilities come out."""
        inspection = sample_inspection()
        result = self.inspector.run(self.inspector.prepare(inspection))
        check_answers(inspection.questions, result.answers)
