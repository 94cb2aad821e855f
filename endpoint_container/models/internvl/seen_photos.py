"""Keys and values of a checklist with photos behind it, for whoever asks about the same photos again.

Photos stand before the item and the questions, so another item, a question asked anew or the same request once more
begin with what is kept here: neither the vision tower nor the language model takes these photos a second time.
"""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import DynamicCache, InternVLForConditionalGeneration

from models.byte_cache import ByteCache
from models.internvl.shared_prefix import KeyValues

# The checklist's tokens, and the photos' keys in their order.
SeenKey = tuple[tuple[int, ...], tuple[bytes, ...]]


class SeenPhotos:
    """Keeps what a prompt holds up to the end of its last photo."""

    def __init__(self, model: InternVLForConditionalGeneration, cache: ByteCache[SeenKey, KeyValues]) -> None:
        self._model = model
        self.cache = cache

    def start(self, rows: Sequence[KeyValues]) -> DynamicCache:
        """The language model's cache for prompts that begin with these, all of one length."""
        state = DynamicCache(config=self._model.config.get_text_config())
        for layer, pairs in enumerate(zip(*rows, strict=True)):
            keys, values = (torch.cat(parts) for parts in zip(*pairs, strict=True))
            state.update(keys, values, layer)
        return state

    def copied(
        self, state: DynamicCache, keys: Sequence[SeenKey], lengths: Sequence[int], room_bytes: int
    ) -> dict[SeenKey, KeyValues]:
        """The first `lengths` tokens of each row of `state`, as far as they fit into `room_bytes`; copies, since a
        slice would hold the whole batch in memory. Does not wait for the device.
        """
        found: dict[SeenKey, KeyValues] = {}
        for row, (key, length) in enumerate(zip(keys, lengths, strict=True)):
            layers: list[Any] = state.layers
            parts: KeyValues = tuple((layer.keys, layer.values) for layer in layers)
            size = sum(part[row, :, :length].nbytes for pair in parts for part in pair)
            if key in found or size > room_bytes:
                continue
            room_bytes -= size
            found[key] = tuple(
                (layer_keys[row : row + 1, :, :length].clone(), layer_values[row : row + 1, :, :length].clone())
                for layer_keys, layer_values in parts
            )
        return found

    def keep(self, copied: dict[SeenKey, KeyValues]) -> None:
        """Put copies into the cache. Waits for the device: to be called when it is done anyway."""
        if not copied:
            return
        # What is not finite in one layer is not finite in the last one either.
        finite = torch.stack(
            [torch.stack([part.isfinite().all() for part in rows[-1]]).all() for rows in copied.values()]
        )
        for (key, rows), usable in zip(copied.items(), finite.tolist(), strict=True):
            if usable:
                self.cache.put(key, rows, size_bytes(rows))


def size_bytes(rows: KeyValues) -> int:
    return sum(part.nbytes for pair in rows for part in pair)
