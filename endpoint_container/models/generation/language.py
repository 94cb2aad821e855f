"""A decoder-only language model of transformers, whatever the family around it, and the reading of a draft."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import torch
from transformers import DynamicCache, PreTrainedModel

from models.generation.slot_cache import KeyValues
from models.writing import Draft, Ending


@dataclass(frozen=True)
class Language:
    """`decoder` gives hidden states, `head` the logits of the next token; any of `ends` ends a text."""

    decoder: PreTrainedModel
    head: torch.nn.Module
    image_token_id: int
    ends: frozenset[int]

    @property
    def device(self) -> torch.device:
        return self.decoder.device

    @property
    def max_positions(self) -> int:
        return int(cast(Any, self.decoder.config).max_position_embeddings)

    def embed(self, ids: Sequence[int], features: torch.Tensor) -> torch.Tensor:
        """Inputs [1, ids, hidden] with the features in the places of the image tokens."""
        tokens = torch.tensor(ids, device=self.device)
        embeds: torch.Tensor = cast(Any, self.decoder.get_input_embeddings())(tokens)
        at_image = (tokens == self.image_token_id).unsqueeze(-1)
        return embeds.masked_scatter(at_image, features.to(embeds.dtype))[None]


@dataclass(frozen=True)
class Read:
    """A draft's keys and values, and the logits [endings, vocabulary] in float32 behind each ending.

    `spans` are the places of each ending's own tokens; the draft's prefix stands before all of them.
    """

    layers: Sequence[KeyValues]
    prefix: int
    spans: tuple[slice, ...]
    logits: torch.Tensor

    def own(self, number: int) -> list[KeyValues]:
        """An ending's own keys and values, [heads, tokens, head width] a layer."""
        span = self.spans[number]
        return [(keys[0, :, span], values[0, :, span]) for keys, values in self.layers]

    @property
    def shared(self) -> list[KeyValues]:
        """Those of the prefix."""
        return [(keys[0, :, : self.prefix], values[0, :, : self.prefix]) for keys, values in self.layers]


def read(language: Language, draft: Draft, numbers: Sequence[int]) -> Read:
    """Read a draft with some of its endings: the prefix once, then the endings side by side."""
    endings = [draft.endings[number] for number in numbers]
    # One ending goes in one pass with its prefix, under attention's own causal kernel.
    alone = endings[0].ids if len(endings) == 1 else ()
    state = DynamicCache(config=cast(Any, language.decoder.config))
    hidden = language.decoder(
        inputs_embeds=language.embed((*draft.prefix, *alone), draft.features), past_key_values=state, use_cache=True
    ).last_hidden_state
    prefix = len(draft.prefix)
    bounds = torch.tensor([0, *(len(ending.ids) for ending in endings)]).cumsum(0).tolist()
    if not alone:
        hidden = _endings(language, endings, prefix, state)
    last = [prefix - 1 + end if alone else end - 1 for end in bounds[1:]]
    logits = language.head(hidden[0, last]).float()
    spans = tuple(slice(prefix + start, prefix + end) for start, end in pairwise(bounds))
    layers: list[Any] = state.layers
    return Read([(layer.keys, layer.values) for layer in layers], prefix, spans, logits)


def _endings(language: Language, endings: Sequence[Ending], prefix: int, state: DynamicCache) -> torch.Tensor:
    """Hidden states [1, tokens, hidden] of the endings laid end to end behind the prefix, blind to each other."""
    device = language.device
    ids = torch.tensor([token for ending in endings for token in ending.ids], device=device)
    owner = torch.tensor([number for number, ending in enumerate(endings) for _ in ending.ids], device=device)
    places = torch.tensor([prefix + place for ending in endings for place in range(len(ending.ids))], device=device)
    own = (owner[:, None] == owner) & (places[:, None] >= places)
    mask = torch.cat([own.new_ones(len(ids), prefix), own], dim=1)[None, None]
    hidden: torch.Tensor = language.decoder(
        input_ids=ids[None], attention_mask=mask, position_ids=places[None], past_key_values=state, use_cache=True
    ).last_hidden_state
    return hidden


def end_tokens(model: PreTrainedModel, *more: int) -> frozenset[int]:
    """All tokens at which a checkpoint's own files say that a text ends, and `more`."""
    configs: list[Any] = [model.generation_config, model.config.get_text_config(decoder=True)]
    ends = set(more)
    for config in configs:
        found = config.eos_token_id
        ends |= {found} if isinstance(found, int) else set(found or ())
    return frozenset(ends)
