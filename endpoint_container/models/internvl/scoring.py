"""All questions of several inspections at once: what they share is computed once, and they do not see each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache, InternVLForConditionalGeneration

from models.internvl.encoding import EncodedPrompt

PADDING = -1


@dataclass(frozen=True)
class Packing:
    """Each prompt's question suffixes laid end to end, one prompt a row, [rows, tokens].

    `owner` is the question that a token belongs to (PADDING behind the last one), `position` its place in its own
    prompt. `ends` [rows][questions] is the last token of each question, where its answer is predicted.
    """

    ids: torch.Tensor
    owner: torch.Tensor
    position: torch.Tensor
    ends: list[list[int]]

    def mask(self, prefix_lengths: torch.Tensor, prefix_positions: int) -> torch.Tensor:
        """bool [rows, 1, tokens, prefix_positions + tokens]: one's own prompt's prefix, and one's own past."""
        own = (self.owner[:, :, None] == self.owner[:, None]) & (self.position[:, :, None] >= self.position[:, None])
        places = torch.arange(prefix_positions, device=self.ids.device)
        prefix = (places < prefix_lengths[:, None])[:, None].expand(-1, own.shape[1], -1)
        return torch.cat([prefix, own], dim=2)[:, None]


def pack(prompts: Sequence[EncodedPrompt], device: torch.device) -> Packing:
    """Lay the suffixes of each prompt end to end; each counts its positions from the end of its prompt's prefix."""
    ids, owner, position, ends = [], [], [], []
    for prompt in prompts:
        start, suffixes = len(prompt.prefix), [question.suffix for question in prompt.questions]
        ids.append(torch.tensor([token for suffix in suffixes for token in suffix]))
        owner.append(torch.tensor([number for number, suffix in enumerate(suffixes) for _ in suffix]))
        position.append(torch.tensor([start + offset for suffix in suffixes for offset in range(len(suffix))]))
        ends.append((torch.tensor([len(suffix) for suffix in suffixes]).cumsum(0) - 1).tolist())

    def rows(values: list[torch.Tensor], padding: int = 0) -> torch.Tensor:
        return pad_sequence(values, batch_first=True, padding_value=padding).to(device)

    return Packing(rows(ids), rows(owner, PADDING), rows(position), ends)


def answer_logits(
    model: InternVLForConditionalGeneration,
    prompts: Sequence[EncodedPrompt],
    features: Sequence[torch.Tensor],
    state: DynamicCache,
) -> list[list[torch.Tensor]]:
    """For each prompt and each of its questions the float32 logits of the answers, [answers].

    `features` [image tokens, hidden], one a prompt, replace its image tokens in order. `state` has a row a prompt
    and holds as many of their first tokens as they have in common, possibly none.
    """
    language = model.model.language_model
    known = state.get_seq_length()
    embeds = pad_sequence(
        [_embed(model, prompt.prefix[known:], seen) for prompt, seen in zip(prompts, features, strict=True)],
        batch_first=True,
    )
    language(inputs_embeds=embeds, attention_mask=_causal(embeds, known), past_key_values=state, use_cache=True)

    packing = pack(prompts, model.device)
    lengths = torch.tensor([len(prompt.prefix) for prompt in prompts], device=model.device)
    hidden = language(
        input_ids=packing.ids,
        attention_mask=packing.mask(lengths, known + embeds.shape[1]),
        position_ids=packing.position,
        past_key_values=state,
        use_cache=True,
    ).last_hidden_state
    ends = torch.cat([row[ends] for row, ends in zip(hidden, packing.ends, strict=True)])
    # One transfer for the whole batch; it also waits for the device.
    logits = iter(model.lm_head(ends).float().cpu())
    return [[next(logits)[list(question.answers)] for question in prompt.questions] for prompt in prompts]


def _embed(model: InternVLForConditionalGeneration, ids: Sequence[int], features: torch.Tensor) -> torch.Tensor:
    """Inputs [ids, hidden] with the features in the places of the image tokens."""
    tokens = torch.tensor(ids, device=model.device)
    embeds: torch.Tensor = model.model.language_model.get_input_embeddings()(tokens)
    at_image = (tokens == model.config.image_token_id).unsqueeze(-1)
    return embeds.masked_scatter(at_image, features.to(embeds.dtype))


def _causal(embeds: torch.Tensor, known: int) -> torch.Tensor | None:
    """bool [1, 1, tokens, known + tokens], the same for all rows, which are padded only behind their end.

    None where nothing is known beforehand: then attention takes its faster causal kernel.
    """
    if not known:
        return None
    tokens = embeds.shape[1]
    return torch.ones(tokens, known + tokens, dtype=torch.bool, device=embeds.device).tril(known)[None, None]


def probabilities(logits: torch.Tensor, temperature: float) -> Sequence[float]:
    """Softmax over one question's answers, sharpened (T < 1) or softened (T > 1)."""
    values: list[float] = (logits.double() / temperature).softmax(dim=-1).tolist()
    return values
