"""The embed task on CLIP, and the loaded model that offers it."""

from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import torch
from transformers import CLIPModel

from models.checkpoint.accelerator import accelerator_errors, synchronise
from models.checkpoint.photo_scaling import PhotoScaling
from models.clip.encoding import EncodedTexts, TextEncoder
from models.clip.sample import sample_request
from models.embedding import EmbeddingRequest, EmbeddingResult, EmbeddingUsage, Text, check_vectors
from models.interface import ModelIdentity, TaskRunner
from models.photo import Photo


@dataclass(frozen=True)
class PreparedEmbedding:
    """All that the model thread needs.

    `pixels` is uint8 [photos, 3, side, side]; `order` holds, for each input, its row once the texts' vectors are
    followed by the photos'.
    """

    texts: EncodedTexts | None
    pixels: torch.Tensor | None
    order: tuple[int, ...]
    usage: EmbeddingUsage
    timings_ms: Mapping[str, float]


class CLIPEmbedder:
    """Embeds all texts of a request in one forward and all its photos in another."""

    def __init__(self, model: CLIPModel, encoder: TextEncoder, scaling: PhotoScaling) -> None:
        self.model = model
        self.encoder = encoder
        self.scaling = scaling
        self.dimension = model.text_projection.out_features

    def prepare(self, request: EmbeddingRequest) -> PreparedEmbedding:
        """Tokenize the texts, decode and scale the photos."""
        started = perf_counter()
        texts = [source for source in request.inputs if isinstance(source, Text)]
        photos = [source for source in request.inputs if isinstance(source, Photo)]
        encoded = self.encoder.encode(texts) if texts else None
        pixels = torch.stack([self.scaling.pixels(photo) for photo in photos]) if photos else None
        rows = {name: row for row, name in enumerate([*(text.id for text in texts), *(photo.id for photo in photos)])}
        order = tuple(rows[source.id] for source in request.inputs)
        usage = EmbeddingUsage(len(texts), len(photos), encoded.tokens if encoded else 0)
        timings_ms = {"preprocess": (perf_counter() - started) * 1000}
        return PreparedEmbedding(encoded, pixels, order, usage, timings_ms)

    @torch.inference_mode()
    def run(self, prepared: PreparedEmbedding) -> EmbeddingResult:
        """A vector of length 1 for each input."""
        device, features = self.model.device, []
        with accelerator_errors():
            started = perf_counter()
            if prepared.texts is not None:
                ids, mask = prepared.texts.ids.to(device), prepared.texts.mask.to(device)
                features.append(self.model.get_text_features(input_ids=ids, attention_mask=mask).pooler_output)
            synchronise(device)
            read = perf_counter()
            if prepared.pixels is not None:
                pixels = self.scaling.normalise(prepared.pixels, device, self.model.dtype)
                features.append(self.model.get_image_features(pixel_values=pixels).pooler_output)
            # In float32: bfloat16 cannot hold a length of 1 to more than two digits.
            vectors = torch.nn.functional.normalize(torch.cat(features).float(), dim=-1).cpu()
        timings_ms = {**prepared.timings_ms, "language": (read - started) * 1000}
        timings_ms["vision"] = (perf_counter() - read) * 1000
        rows = vectors[list(prepared.order)].tolist()
        return EmbeddingResult(tuple(map(tuple, rows)), self.dimension, prepared.usage, timings_ms)


class Clip:
    """A loaded CLIP checkpoint: one model, the task it offers."""

    def __init__(self, identity: ModelIdentity, embedder: CLIPEmbedder) -> None:
        self.identity = identity
        self.embedder = embedder
        self.tasks: Mapping[str, TaskRunner[Any, Any, Any]] = {"embed": embedder}

    def self_test(self) -> None:
        """Embed a word and a small grey photo; raise `model_output_invalid` unless unit vectors come out."""
        request = sample_request()
        check_vectors(request, self.embedder.run(self.embedder.prepare(request)))
