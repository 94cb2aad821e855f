"""The describe task on BLIP-2, and the loaded model that offers it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any, cast

import torch
from transformers import Blip2ForConditionalGeneration

from models.blip2.wording import Blip2Wording
from models.byte_cache import ByteCache
from models.checkpoint.accelerator import accelerator_errors, synchronise
from models.checkpoint.photo_scaling import PhotoScaling
from models.description import DescriptionRequest, DescriptionResult, check_description
from models.errors import EndpointError
from models.generation.describing import described, endings, teller
from models.generation.sample import sample_request
from models.generation.slot_writer import SlotWriter
from models.inspection import Usage
from models.interface import CacheCounts, Cost, ModelIdentity, TaskRunner
from models.writing import Draft, Ending, Teller, Unwritten, write

# Photos that pass the vision tower together: bounds its memory.
VISION_BATCH = 16


@dataclass(frozen=True)
class PreparedDescription:
    """All that the model thread needs: the photo as uint8 [3, side, side], or its features if they were known."""

    request: DescriptionRequest
    endings: tuple[Ending, ...]
    key: bytes
    pixels: torch.Tensor | None
    features: torch.Tensor | None
    timings_ms: Mapping[str, float]


class Blip2Describer:
    """Looks at a photo once, then writes a caption, an answer, or the fields of a report side by side."""

    def __init__(
        self,
        identity: ModelIdentity,
        model: Blip2ForConditionalGeneration,
        wording: Blip2Wording,
        scaling: PhotoScaling,
        writer: SlotWriter,
        cache: ByteCache[bytes, torch.Tensor],
    ) -> None:
        self.model = model
        self.wording = wording
        self.scaling = scaling
        self.writer = writer
        self.cache = cache
        self._context = repr((identity.digest, scaling)).encode()
        self._prefix = (cast(int, model.config.image_token_index),) * model.config.num_query_tokens

    def prepare(self, request: DescriptionRequest) -> PreparedDescription:
        """Tokenize what is asked, decode and scale the photo unless it is known. Raises `too_many_photos`."""
        started = perf_counter()
        if len(request.photos) != 1:
            raise EndpointError("too_many_photos", "This model looks at one photo a request.", "photos")
        if request.item is not None:
            raise EndpointError("invalid_field", "This model can be told nothing of the item.", "item")
        if request.max_tiles not in (None, 1):
            raise EndpointError("too_many_tiles", "This model does not cut photos into tiles.", "max_tiles")
        (photo,) = request.photos
        asked = endings(request, self.wording)
        self.writer.check(Draft(self._prefix, None, asked))
        key = hashlib.sha256(self._context + hashlib.sha256(photo.data).digest()).digest()
        known = self.cache.peek(key)
        pixels = self.scaling.pixels(photo) if known is None else None
        timings_ms = {"preprocess": (perf_counter() - started) * 1000}
        return PreparedDescription(request, asked, key, pixels, known, timings_ms)

    def teller(self, prepared: PreparedDescription) -> Teller:
        return teller(prepared.request, self.wording)

    def cost(self, prepared: PreparedDescription) -> Cost:
        return Cost(self._tokens(prepared), tiles=1)

    def run(self, prepared: PreparedDescription) -> Unwritten[DescriptionResult]:
        return self.run_batch([prepared])[0]

    @torch.inference_mode()
    def run_batch(self, batch: Sequence[PreparedDescription]) -> list[Unwritten[DescriptionResult]]:
        """Look at all photos of the batch; what is to be written of them is up to the writer."""
        started = perf_counter()
        with accelerator_errors("Send the request again when fewer others run.", "photos"):
            features = self._features(batch)
            synchronise(self.model.device)
        vision_ms = (perf_counter() - started) * 1000
        return [
            Unwritten(
                Draft(self._prefix, features[prepared.key], prepared.endings),
                partial(self._result, prepared, {**prepared.timings_ms, "vision": vision_ms}),
            )
            for prepared in batch
        ]

    def _features(self, batch: Sequence[PreparedDescription]) -> dict[bytes, torch.Tensor]:
        """[query tokens, hidden] of each photo by its key."""
        features: dict[bytes, torch.Tensor] = {}
        fresh: dict[bytes, torch.Tensor] = {}
        for prepared in batch:
            kept = self.cache.get(prepared.key)
            found = prepared.features if kept is None else kept
            if found is not None:
                features[prepared.key] = found
            elif prepared.pixels is not None:
                fresh[prepared.key] = prepared.pixels
        keys = list(fresh)
        for start in range(0, len(keys), VISION_BATCH):
            part = keys[start : start + VISION_BATCH]
            pixels = self.scaling.normalise(
                torch.stack([fresh[key] for key in part]), self.model.device, self.model.vision_model.dtype
            )
            seen = self.model.get_image_features(pixels).pooler_output
            features |= {key: row.clone() for key, row in zip(part, seen, strict=True)}
        for key in keys:
            # What is not finite would spoil every later request with this photo, not only this one.
            if self.cache.enabled and bool(features[key].isfinite().all()):
                self.cache.put(key, features[key], features[key].nbytes)
        return features

    def _tokens(self, prepared: PreparedDescription) -> int:
        return len(self._prefix) + sum(len(ending.ids) for ending in prepared.endings)

    def _result(
        self,
        prepared: PreparedDescription,
        timings_ms: Mapping[str, float],
        texts: Sequence[Sequence[int]],
        written_ms: Mapping[str, float],
    ) -> DescriptionResult:
        usage = Usage(1, 1, self._tokens(prepared), generated_tokens=sum(map(len, texts)))
        return DescriptionResult(described(prepared.request, self.wording, texts), usage, {**timings_ms, **written_ms})


class Blip2:
    """A loaded BLIP-2 checkpoint: one model, the task it offers."""

    def __init__(self, identity: ModelIdentity, describer: Blip2Describer) -> None:
        self.identity = identity
        self.describer = describer
        self.writer = describer.writer
        self.tasks: Mapping[str, TaskRunner[Any, Any, Any]] = {"describe": describer}

    @property
    def caches(self) -> Mapping[str, CacheCounts]:
        return {"photo": self.describer.cache.counts}

    def self_test(self) -> None:
        """Caption a small grey photo; raise `model_output_invalid` if the numbers are not finite."""
        request = sample_request()
        result = write(self.writer, self.describer.run(self.describer.prepare(request)))
        check_description(request, result)
