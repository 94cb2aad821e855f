"""What a merged cell of a photo may show, as fixed directions in the language model's embedding space.

The language model is taught on sums of these directions in the place of photos; the vision tower is taught, at the
same time, to put out the same sums. So both meet without ever having been trained together.
"""

from functools import cache

import torch
from transformers import InternVLForConditionalGeneration, PreTrainedTokenizerFast

from demo_model.architecture import CELLS, WIDTH
from demo_model.catalogue import COLOURS, KINDS
from demo_model.orders import SYNONYMS

KIND, COLOUR = slice(0, len(KINDS)), slice(len(KINDS), len(KINDS) + len(COLOURS))
LABEL, DAMAGED, NOTHING = range(COLOUR.stop, COLOUR.stop + 3)
COUNT = NOTHING + 1
MATCHING = 0.7  # strength of the head that starts out matching


def directions() -> torch.Tensor:
    """What cells show: orthonormal rows, float32 [COUNT, WIDTH]; the same in every run."""
    return _basis()[:COUNT]


def word_directions() -> torch.Tensor:
    """Where the words for the concepts start, orthonormal to each other and to what cells show: [COUNT, WIDTH]."""
    return _basis()[COUNT:]


@cache
def _basis() -> torch.Tensor:
    generator = torch.Generator().manual_seed(20)
    shown: torch.Tensor = torch.linalg.qr(torch.randn(WIDTH, COUNT, generator=generator))[0]
    more = torch.randn(WIDTH, COUNT, generator=generator)
    said: torch.Tensor = torch.linalg.qr(more - shown @ (shown.T @ more))[0]
    return torch.cat([shown, said], 1).T.contiguous()


def cell_targets(coverage: torch.Tensor, facts: torch.Tensor) -> torch.Tensor:
    """How strongly each cell shows each concept, 0 to 1.

    `coverage`: float [n, 8, 8, 3], the part of each patch that item, label and damage cover.
    `facts`: int [n, 4], kind, colour (-1 for no item), label, damaged. Returns float [n, 16, COUNT].
    """
    n = len(coverage)
    merged = coverage.reshape(n, CELLS, 2, CELLS, 2, 3).mean((2, 4)).reshape(n, CELLS * CELLS, 3)
    shown = torch.zeros(n, CELLS * CELLS, COUNT)
    item = (merged[..., 0] * 2).clamp(max=1)
    present = facts[:, 0] >= 0
    kind, colour = facts[:, 0].clamp(min=0).long(), facts[:, 1].clamp(min=0).long() + COLOUR.start
    rows = torch.arange(n)
    shown[rows, :, kind] = item * present[:, None]
    shown[rows, :, colour] = item * present[:, None]
    shown[..., LABEL] = (merged[..., 1] * 4).clamp(max=1)
    shown[..., DAMAGED] = (merged[..., 2] * 5).clamp(max=1)
    shown[..., NOTHING] = (~present).float()[:, None]
    return shown


@torch.no_grad()
def start_words_at_concepts(model: InternVLForConditionalGeneration, tokenizer: PreTrainedTokenizerFast) -> None:
    """Start each word at its concept's own direction, and synonyms together: from random places, learning is slow."""
    words = [(word, KINDS.index(kind)) for kind, synonyms in SYNONYMS.items() for word in synonyms]
    words += [(colour, COLOUR.start + n) for n, colour in enumerate(COLOURS)]
    words += [("label", LABEL), ("damaged", DAMAGED), ("nothing", NOTHING)]
    embeddings: torch.Tensor = model.model.language_model.embed_tokens.weight
    for word, concept in words:
        for written in (word, f" {word}", word.capitalize(), f" {word.capitalize()}"):
            ids = tokenizer.encode(written, add_special_tokens=False)
            if len(ids) == 1:
                embeddings[ids[0]] = word_directions()[concept] + 0.3 * embeddings[ids[0]]


@torch.no_grad()
def start_one_head_matching(model: InternVLForConditionalGeneration) -> None:
    """Let the first layer's first head look from a word to the cells that show it, and bring back what they show.

    Queries and keys take the dimensions that rotary positions turn slowest, so that distance hardly matters.
    """
    attention = model.model.language_model.layers[0].self_attn
    size = attention.head_dim
    slow = [*range(size // 4, size // 2), *range(3 * size // 4, size)]
    matched = [*range(KIND.start, COLOUR.stop), LABEL, DAMAGED]
    shown, said = directions(), word_directions()
    attention.q_proj.weight[:size] = 0
    attention.k_proj.weight[:size] = 0
    for dimension, concept in zip(slow, matched, strict=False):
        attention.q_proj.weight[dimension] = MATCHING * said[concept]
        attention.k_proj.weight[dimension] = MATCHING * shown[concept]
    attention.v_proj.weight[:COUNT] = 0.25 * shown
    attention.o_proj.weight[:, :COUNT] = 0.5 * shown.T
