"""All questions of an inspection in one forward: what they share is computed once, and they do not see each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import DynamicCache, InternVLForConditionalGeneration

from models.internvl.encoding import EncodedPrompt

# Tiles that pass the vision tower together: bounds its memory, and 16 tiles fill any GPU.
VISION_BATCH = 16


@dataclass(frozen=True)
class Packing:
    """Question suffixes laid end to end, [tokens] each.

    `owner` is the question a token belongs to, `position` its place in its own prompt, `ends` the last token
    of each question (where its answer is predicted), [questions].
    """

    ids: torch.Tensor
    owner: torch.Tensor
    position: torch.Tensor
    ends: torch.Tensor

    def mask(self, prefix_tokens: int) -> torch.Tensor:
        """bool [1, 1, tokens, prefix_tokens + tokens]: all of the prefix, and of the suffixes only one's own past."""
        own = (self.owner[:, None] == self.owner[None]) & (self.position[:, None] >= self.position[None])
        prefix = torch.ones(len(self.ids), prefix_tokens, dtype=torch.bool, device=own.device)
        return torch.cat([prefix, own], dim=1)[None, None]


def pack(prompt: EncodedPrompt, device: torch.device) -> Packing:
    """Lay the prompt's suffixes end to end; each counts its positions from the end of the shared prefix."""
    suffixes = [question.suffix for question in prompt.questions]
    start = len(prompt.prefix)

    def tensor(values: list[int]) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.long, device=device)

    lengths = tensor([len(suffix) for suffix in suffixes])
    return Packing(
        ids=tensor([token for suffix in suffixes for token in suffix]),
        owner=tensor([number for number, suffix in enumerate(suffixes) for _ in suffix]),
        position=tensor([start + offset for suffix in suffixes for offset in range(len(suffix))]),
        ends=lengths.cumsum(0) - 1,
    )


def photo_features(model: InternVLForConditionalGeneration, pixels: torch.Tensor) -> torch.Tensor:
    """Normalised tiles [tiles, 3, side, side] to language-model inputs [tiles * tokens_per_tile, hidden]."""
    batches = [model.model.get_image_features(batch).pooler_output for batch in torch.split(pixels, VISION_BATCH)]
    return torch.cat(batches).flatten(0, 1)


def answer_logits(
    model: InternVLForConditionalGeneration, prompt: EncodedPrompt, features: torch.Tensor
) -> list[torch.Tensor]:
    """For each question the float32 logits of its answers, [answers].

    `features` [image tokens, hidden] replace the prompt's image tokens in order.
    """
    language = model.model.language_model
    prefix = torch.tensor([prompt.prefix], device=model.device)
    embeds = language.get_input_embeddings()(prefix)
    at_image = (prefix == model.config.image_token_id).unsqueeze(-1)
    embeds = embeds.masked_scatter(at_image, features.to(embeds.dtype))
    cache = DynamicCache(config=model.config.get_text_config())
    language(inputs_embeds=embeds, past_key_values=cache, use_cache=True)

    packing = pack(prompt, model.device)
    hidden = language(
        input_ids=packing.ids[None],
        attention_mask=packing.mask(len(prompt.prefix)),
        position_ids=packing.position[None],
        past_key_values=cache,
        use_cache=True,
    ).last_hidden_state[0]
    logits = model.lm_head(hidden[packing.ends]).float()
    return [row[list(question.answers)] for row, question in zip(logits, prompt.questions, strict=True)]


def probabilities(logits: torch.Tensor, temperature: float) -> Sequence[float]:
    """Softmax over one question's answers, sharpened (T < 1) or softened (T > 1)."""
    values: list[float] = (logits.double() / temperature).softmax(dim=-1).tolist()
    return values
