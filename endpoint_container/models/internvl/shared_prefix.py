"""Keys and values of the text before the photos, computed once for all inspections of a checklist."""

from typing import Any

import torch
from transformers import DynamicCache, InternVLForConditionalGeneration

from models.byte_cache import ByteCache
from models.checkpoint.accelerator import send

# A layer's keys and values, each [1, heads, tokens, head width].
KeyValues = tuple[tuple[torch.Tensor, torch.Tensor], ...]


class SharedPrefixes:
    """Keeps the keys and values of shared prefixes by their token ids."""

    def __init__(self, model: InternVLForConditionalGeneration, cache: ByteCache[tuple[int, ...], KeyValues]) -> None:
        self._model = model
        self.cache = cache

    def start(self, prefix: tuple[int, ...], rows: int) -> DynamicCache:
        """The language model's cache for `rows` prompts that all begin with `prefix`; empty where caching is off."""
        state = DynamicCache(config=self._model.config.get_text_config())
        if self.cache.enabled and prefix:
            for layer, (keys, values) in enumerate(self._key_values(prefix)):
                state.update(keys.expand(rows, -1, -1, -1), values.expand(rows, -1, -1, -1), layer)
        return state

    def _key_values(self, prefix: tuple[int, ...]) -> KeyValues:
        if (known := self.cache.get(prefix)) is not None:
            return known
        state = DynamicCache(config=self._model.config.get_text_config())
        ids = send(torch.tensor([prefix]), self._model.device)
        self._model.model.language_model(input_ids=ids, past_key_values=state, use_cache=True)
        layers: list[Any] = state.layers
        computed: KeyValues = tuple((layer.keys, layer.values) for layer in layers)
        # What is not finite would spoil every later inspection of the checklist, not only this one.
        if bool(torch.stack([part.isfinite().all() for pair in computed for part in pair]).all()):
            self.cache.put(prefix, computed, sum(part.nbytes for pair in computed for part in pair))
        return computed
