"""The inspect task on InternVL."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

import torch
from transformers import InternVLForConditionalGeneration

from models.checkpoint.accelerator import Stopwatch, accelerator_errors
from models.closer_look import closer_look, joined
from models.errors import EndpointError
from models.inspection import Inspection, InspectionResult, Question, Usage, most_probable
from models.interface import Cost, FollowUp, ModelIdentity
from models.internvl.attention import continue_causally
from models.internvl.calibration import Calibration
from models.internvl.describer import Explanation, InternVLExplainer, explained
from models.internvl.encoding import EncodedPrompt, PromptEncoder
from models.internvl.grouping import Start, group_prompts
from models.internvl.photo_features import PhotoFeatures, PreparedPhoto, photo_key
from models.internvl.preprocessing import Preprocessing
from models.internvl.scoring import answer_logits, probabilities
from models.internvl.seen_photos import SeenKey, SeenPhotos, size_bytes
from models.internvl.shared_prefix import KeyValues, SharedPrefixes
from models.internvl.tiling import Grid, tile_count
from models.photo import Photo

LOGGER = logging.getLogger(__name__)
# Positions that pass the language model together: bounds its memory, and more make neither CPU nor GPU faster.
LANGUAGE_TOKENS = 8192
# Tokens of an inspection's questions: bounds the mask between them and the rest of the prompt.
PACKED_TOKENS = 4096
TOO_LARGE = "Send fewer photos, tiles or questions."


@dataclass(frozen=True)
class PreparedInspection:
    """All that the model thread needs."""

    questions: tuple[Question, ...]
    photos: tuple[PreparedPhoto, ...]
    prompt: EncodedPrompt
    unread: frozenset[str]
    timings_ms: Mapping[str, float]

    @property
    def tiles(self) -> int:
        return sum(photo.count for photo in self.photos)

    @property
    def seen_key(self) -> SeenKey:
        return self.prompt.checklist, tuple(photo.key for photo in self.photos)


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
        seen: SeenPhotos,
    ) -> None:
        self.identity = identity
        self.model = model
        self.encoder = encoder
        self.preprocessing = preprocessing
        self.calibration = calibration
        self.features = features
        self.prefixes = prefixes
        self.seen = seen
        self.closer = CloserLooks(self)
        self.explainer: InternVLExplainer | None = None
        continue_causally(model)
        self._max_positions = int(model.config.get_text_config().max_position_embeddings)

    def prepare(self, request: Inspection) -> PreparedInspection:
        """Decode and tile the photos, tokenize the prompt."""
        timings_ms = {"decode": 0.0, "preprocess": 0.0}
        with accelerator_errors(TOO_LARGE, "photos"):
            photos = tuple(self.prepare_photo(photo, request.max_tiles, timings_ms) for photo in request.photos)
        started = perf_counter()
        prompt = self.encoder.encode(request, [photo.count for photo in photos])
        if prompt.longest > self._max_positions:
            detail = f"{prompt.longest} tokens; the model holds {self._max_positions}. Send fewer photos or tiles."
            raise EndpointError("prompt_too_long", detail, "photos")
        if prompt.packed > PACKED_TOKENS:
            detail = f"{prompt.packed} tokens; at most {PACKED_TOKENS}. Send fewer or shorter questions."
            raise EndpointError("prompt_too_long", detail, "questions")
        timings_ms["preprocess"] += (perf_counter() - started) * 1000
        unread = self.calibration.unread(request)
        return PreparedInspection(request.asked_questions, photos, prompt, unread, timings_ms)

    def cost(self, prepared: PreparedInspection) -> Cost:
        return Cost(prepared.prompt.tokens, prepared.tiles)

    def run(self, prepared: PreparedInspection) -> InspectionResult:
        """Look at the photos once, then answer all questions."""
        return self.run_batch([prepared])[0]

    @torch.inference_mode()
    def run_batch(self, batch: Sequence[PreparedInspection]) -> list[InspectionResult]:
        """The same for several inspections at once; the timings of each are those of the batch.

        Raises `out_of_memory` if the batch is more than the host or the accelerator holds.
        """
        with accelerator_errors(TOO_LARGE, "photos"):
            watch = Stopwatch(self.model.device)
            seen = [self.seen.cache.get(prepared.seen_key) for prepared in batch]
            unseen = [prepared for prepared, rows in zip(batch, seen, strict=True) if rows is None]
            look = self.features.look([photo for prepared in unseen for photo in prepared.photos])
            photos = iter(look.features)
            features = [
                torch.cat([next(photos) for _ in prepared.photos] if rows is None else [self._nothing])
                for prepared, rows in zip(batch, seen, strict=True)
            ]
            watch.mark()
            logits, copied = self._logits(batch, features, seen)
            watch.mark()
            vision_ms, language_ms = watch.stages_ms()
            self.features.keep(look.fresh)
            self.seen.keep(copied)
        timings_ms = {"vision": vision_ms, "language": language_ms}
        return [self._result(prepared, row, timings_ms) for prepared, row in zip(batch, logits, strict=True)]

    def follow_up(self, request: Inspection, result: InspectionResult) -> FollowUp | None:
        """A closer look at what is in doubt, if there is one at which any photo gets more tiles."""
        unread = self.calibration.unread(request)

        def least(question_id: str) -> float:
            # However close, no look tells more of an order that can't be read.
            return 0.0 if question_id in unread else self.calibration.margin(question_id)

        closer = closer_look(request, result, least)
        while closer is not None and self._grids(closer) == self._grids(request):
            closer = closer_look(closer, result, least)
        return None if closer is None else FollowUp(self.closer, closer)

    def joined(self, result: InspectionResult, later: InspectionResult) -> InspectionResult:
        return joined(result, later)

    def explanation(self, request: Inspection, result: InspectionResult) -> FollowUp | None:
        """The explanation of the final answers, if one is wanted and this model writes."""
        if self.explainer is None or request.explanation_tokens == 0:
            return None
        return FollowUp(self.explainer, Explanation(request, result.answers))

    def explained(self, result: InspectionResult, later: InspectionResult) -> InspectionResult:
        return explained(result, later)

    def _grids(self, request: Inspection) -> list[Grid]:
        return [self.preprocessing.grid(photo, request.max_tiles) for photo in request.photos]

    def prepare_photo(self, photo: Photo, max_tiles: int | None, timings_ms: dict[str, float]) -> PreparedPhoto:
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
        # Where there is CUDA the copy to it need not wait for a second one on the host; this is not the model thread.
        pinned = tiles.pin_memory() if self.model.device.type == "cuda" else tiles
        return PreparedPhoto(key, len(tiles), pinned)

    @property
    def _nothing(self) -> torch.Tensor:
        """Features of no photo."""
        width = self.model.config.get_text_config().hidden_size
        return torch.empty(0, width, dtype=self.model.dtype, device=self.model.device)

    def _logits(
        self, batch: Sequence[PreparedInspection], features: list[torch.Tensor], seen: Sequence[KeyValues | None]
    ) -> tuple[list[list[torch.Tensor]], dict[SeenKey, KeyValues]]:
        """The answers' logits by prompt and question, and what is worth keeping of the photos just seen."""
        prompts = [prepared.prompt for prepared in batch]
        fresh = [(prompt.shared, prompt.checklist) if self.prefixes.cache.enabled else (0, ()) for prompt in prompts]
        starts: list[Start] = [
            start if rows is None else (prompt.shown, ())
            for prompt, rows, start in zip(prompts, seen, fresh, strict=True)
        ]
        groups = group_prompts(prompts, starts, LANGUAGE_TOKENS)
        scored: list[torch.Tensor] = []
        copied: dict[SeenKey, KeyValues] = {}
        for group in groups:
            together = [prompts[index] for index in group]
            known = [rows for index in group if (rows := seen[index]) is not None]
            state = self.seen.start(known) if known else self.prefixes.start(together[0].checklist, len(group))
            scored.append(answer_logits(self.model, together, [features[index] for index in group], state))
            if not known:
                room = self.seen.cache.capacity_bytes - sum(map(size_bytes, copied.values()))
                keys = [batch[index].seen_key for index in group]
                copied |= self.seen.copied(state, keys, [prompt.shown for prompt in together], room)
        # One transfer for the whole batch: the only time that the host waits for the device.
        answers = iter(torch.cat(scored).cpu())
        found: dict[int, list[torch.Tensor]] = {}
        for index in (index for group in groups for index in group):
            found[index] = [
                torch.stack([next(answers) for _ in question.answers]) for question in prompts[index].questions
            ]
        return [found[index] for index in range(len(prompts))], copied

    def _result(
        self, prepared: PreparedInspection, logits: list[torch.Tensor], timings_ms: Mapping[str, float]
    ) -> InspectionResult:
        answers = tuple(
            most_probable(question, self._probabilities(question, row, prepared.unread))
            for question, row in zip(prepared.questions, logits, strict=True)
        )
        usage = Usage(len(prepared.photos), prepared.tiles, prepared.prompt.tokens, generated_tokens=0)
        return InspectionResult(answers, usage, {**prepared.timings_ms, **timings_ms})

    def _probabilities(self, question: Question, logits: torch.Tensor, unread: frozenset[str]) -> Sequence[float]:
        """By the calibration; all answers alike where it holds for no such item."""
        if question.id in unread:
            return [1 / len(question.answers)] * len(question.answers)
        return probabilities(logits, self.calibration.temperature(question.id))


class CloserLooks:
    """Closer looks as a runner of their own: the line never puts them in one batch with first looks."""

    def __init__(self, inspector: InternVLInspector) -> None:
        self._inspector = inspector

    def prepare(self, request: Inspection) -> PreparedInspection:
        return self._inspector.prepare(request)

    def cost(self, prepared: PreparedInspection) -> Cost:
        return self._inspector.cost(prepared)

    def run(self, prepared: PreparedInspection) -> InspectionResult:
        return self._inspector.run(prepared)

    def run_batch(self, batch: Sequence[PreparedInspection]) -> list[InspectionResult]:
        return self._inspector.run_batch(batch)
