"""Packs inspections for training the way they are scored in use: one shared prefix, all questions behind it."""

from dataclasses import dataclass

import numpy as np
import torch
from transformers import DynamicCache, InternVLForConditionalGeneration, PreTrainedTokenizerFast

from demo_model.architecture import PHOTO_TOKENS
from demo_model.tokenizer import answer_token
from models.internvl import prompt
from models.internvl.prompt import Question

Asked = list[tuple[Question, str]]  # each question with its right answer


@dataclass(frozen=True)
class Packed:
    """A batch. Sequence = checklist (shared, one row), then photos, item, padding and suffixes (a row each)."""

    checklist: torch.Tensor  # int64 [1, c]
    tokens: torch.Tensor  # int64 [b, t]
    positions: torch.Tensor  # int64 [b, t]
    mask: torch.Tensor  # bool [b, 1, t, c + t]
    ends: torch.Tensor  # int64 [b, q], where each question's answer is predicted
    targets: torch.Tensor  # int64 [b, q], the right answers' tokens
    asked: list[list[str]]  # question ids [b][q]


class Packer:
    """Tokenises once what repeats, and packs batches of inspections that have equally many photos."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self._tokenizer = tokenizer
        self._known: dict[str, list[int]] = {}

    def pack(self, listed: list[Question], photos: int, orders: list[dict[str, object]], asked: list[Asked]) -> Packed:
        """Row i asks `asked[i]` (equally many questions a row) about `orders[i]`."""
        checklist = self._encode(prompt.shared_prefix(listed))
        images = self._encode("".join(prompt.photo_block(n + 1, PHOTO_TOKENS) for n in range(photos)))
        items = [self._tokenizer.encode(prompt.item_block(order), add_special_tokens=False) for order in orders]
        body = len(images) + max(map(len, items))
        rows = [self._row(images + item, body, row_asked) for item, row_asked in zip(items, asked, strict=True)]
        length = max(len(tokens) for tokens, *_ in rows)
        start = len(checklist)
        tokens = torch.zeros(len(rows), length, dtype=torch.long)
        positions = torch.zeros(len(rows), length, dtype=torch.long)
        mask = torch.zeros(len(rows), 1, length, start + length, dtype=torch.bool)
        for i, (row_tokens, row_positions, segments) in enumerate(r[:3] for r in rows):
            n = len(row_tokens)
            tokens[i, :n] = torch.tensor(row_tokens)
            positions[i, :n] = torch.tensor(row_positions) + start
            segment = torch.tensor(segments + [-1] * (length - n))
            causal = torch.ones(length, length, dtype=torch.bool).tril()
            visible = (segment[None] == 0) | (segment[None] == segment[:, None])
            mask[i, 0, :, :start] = True
            mask[i, 0, :, start:] = visible & causal & (segment[None] >= 0)
        ends = torch.tensor([row[3] for row in rows])
        targets = torch.tensor([[answer_token(self._tokenizer, answer) for _, answer in row] for row in asked])
        names = [[question.id for question, _ in row] for row in asked]
        return Packed(torch.tensor([checklist]), tokens, positions, mask, ends, targets, names)

    def _row(self, shared: list[int], body: int, asked: Asked) -> tuple[list[int], list[int], list[int], list[int]]:
        """Tokens, positions, segments (0 shared, -1 padding, n the nth question) and answer places of one row."""
        padding = body - len(shared)
        tokens, segments = shared + [0] * padding, [0] * len(shared) + [-1] * padding
        positions = list(range(body))
        ends = []
        for number, (question, answer) in enumerate(asked, 1):
            suffix = self._encode(prompt.question_suffix(question, lettered=False))
            ends.append(len(tokens) + len(suffix) - 1)
            suffix = [*suffix, *self._encode(answer)]
            tokens += suffix
            segments += [number] * len(suffix)
            positions += range(len(shared), len(shared) + len(suffix))
        return tokens, positions, segments, ends

    def _encode(self, text: str) -> list[int]:
        if text not in self._known:
            self._known[text] = self._tokenizer.encode(text, add_special_tokens=False)
        return self._known[text]


def answer_logits(
    model: InternVLForConditionalGeneration, packed: Packed, features: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits where each answer is predicted, and right behind it (the end of the turn): float [b, q, vocabulary].

    `features`: float [b, photos * 16, width], in the place of the context tokens.
    """
    language_model = model.model.language_model
    cache = DynamicCache(config=language_model.config)
    language_model(input_ids=packed.checklist, past_key_values=cache, use_cache=True)
    cache.batch_repeat_interleave(len(packed.tokens))
    embedded = language_model.embed_tokens(packed.tokens)
    places = (packed.tokens == model.config.image_token_id)[..., None]
    embedded = embedded.masked_scatter(places, features.to(embedded.dtype))
    hidden = language_model(
        inputs_embeds=embedded,
        attention_mask=packed.mask,
        position_ids=packed.positions,
        past_key_values=cache,
        use_cache=True,
    ).last_hidden_state
    rows = torch.arange(len(hidden))[:, None]
    return model.lm_head(hidden[rows, packed.ends]), model.lm_head(hidden[rows, packed.ends + 1])


def list_questions(rng: np.random.Generator, questions: tuple[Question, ...], asked: int) -> list[Question]:
    """A checklist to print: mostly the whole one in its own order, else at least `asked` of it in any order."""
    if rng.random() < 0.5:
        return list(questions)
    chosen = rng.permutation(len(questions))[: rng.integers(asked, len(questions) + 1)]
    return [questions[n] for n in chosen]
