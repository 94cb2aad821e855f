"""From tiles to the language model's inputs: all photos of a batch pass the vision tower together, known ones not."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from transformers import InternVLForConditionalGeneration

from models.byte_cache import ByteCache
from models.checkpoint.accelerator import send
from models.internvl.preprocessing import Preprocessing
from models.internvl.tiling import Grid
from models.photo import Photo

# Tiles that pass the vision tower together: bounds its memory, and 16 tiles fill any GPU.
VISION_BATCH = 16
# To be raised by whoever changes what a photo's pixels become before the vision tower.
PREPROCESSING_VERSION = 1


@dataclass(frozen=True)
class PreparedPhoto:
    """A photo's `count` tiles, uint8 [count, 3, side, side]; or its features, if they were known beforehand."""

    key: bytes
    count: int
    tiles: torch.Tensor | None
    features: torch.Tensor | None = None


def photo_key(photo: Photo, grid: Grid, preprocessing: Preprocessing, model_digest: str) -> bytes:
    """sha256 over all that a photo's features depend on."""
    context = (PREPROCESSING_VERSION, preprocessing, grid, model_digest, hashlib.sha256(photo.data).hexdigest())
    return hashlib.sha256(repr(context).encode()).digest()


@dataclass(frozen=True)
class Look:
    """Features [count * tokens_per_tile, hidden] of each photo, in order; `fresh` are those computed just now."""

    features: list[torch.Tensor]
    fresh: Mapping[bytes, torch.Tensor]


class PhotoFeatures:
    """The vision tower and what it already saw."""

    def __init__(
        self,
        model: InternVLForConditionalGeneration,
        preprocessing: Preprocessing,
        cache: ByteCache[bytes, torch.Tensor],
    ) -> None:
        self._model = model
        self._preprocessing = preprocessing
        self.cache = cache

    def known(self, key: bytes) -> torch.Tensor | None:
        """Features kept from an earlier request: with them, a photo need not even be decoded."""
        return self.cache.peek(key)

    def look(self, photos: Sequence[PreparedPhoto]) -> Look:
        """Every photo once, whatever its number in `photos`; does not wait for the device."""
        features: dict[bytes, torch.Tensor] = {}
        tiles: dict[bytes, torch.Tensor] = {}
        for photo in photos:
            # What `prepare` found stays with the request: eviction in the meantime cannot take it away.
            kept = self.cache.get(photo.key)
            found = photo.features if kept is None else kept
            if found is not None:
                features[photo.key] = found
            elif photo.tiles is not None:
                tiles[photo.key] = photo.tiles
        fresh: dict[bytes, torch.Tensor] = {}
        if tiles:
            tower = self._tower(torch.cat([send(each, self._model.device) for each in tiles.values()]))
            seen = torch.split_with_sizes(tower, [len(each) for each in tiles.values()])
            fresh = {key: part.flatten(0, 1) for key, part in zip(tiles, seen, strict=True)}
        features |= fresh
        return Look([features[photo.key] for photo in photos], fresh)

    def keep(self, fresh: Mapping[bytes, torch.Tensor]) -> None:
        """Put a look's new features into the cache. Waits for the device: to be called when it is done anyway."""
        if not self.cache.enabled or not fresh:
            return
        finite = torch.stack([features.isfinite().all() for features in fresh.values()]).tolist()
        for (key, features), usable in zip(fresh.items(), finite, strict=True):
            if usable:
                # A copy: a slice would hold the whole batch in memory, whatever the cache counts.
                self.cache.put(key, features.clone(), features.nbytes)

    def _tower(self, tiles: torch.Tensor) -> torch.Tensor:
        """uint8 [tiles, 3, side, side] to [tiles, tokens_per_tile, hidden]."""
        seen = []
        for part in torch.split(tiles, VISION_BATCH):
            pixels = self._preprocessing.normalise(part, self._model.device, self._model.dtype)
            seen.append(self._model.model.get_image_features(pixels).pooler_output)
        return torch.cat(seen)
