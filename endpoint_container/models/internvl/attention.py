"""Causal attention of a prompt's next part behind what the cache holds of it, without a mask of [tokens, positions].

A mask of 20,000 tokens behind a cached checklist takes 0.4 GB, twice that once SDPA has it in the model's type, and
shuts out the kernels that skip what lies above the diagonal.
"""

from typing import Any

import torch
from torch.nn.functional import pad
from transformers import AttentionInterface, AttentionMaskInterface, InternVLForConditionalGeneration
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "sdpa_continued"


def continue_causally(model: InternVLForConditionalGeneration) -> None:
    """Let the language model take a prompt in parts without masks; whatever has a mask is computed as before."""
    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, mask_if_needed)
    model.model.language_model.set_attn_implementation(NAME)


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """SDPA, where no mask means that the last query sees every key, the one before it all but the last, and so on.

    SDPA's own causal kernels count from the first key. Queries of zeros in front, one for each key of the cache, make
    the two the same; what comes out for them is dropped. `query` [rows, heads, tokens, width] gives [rows, tokens,
    heads, width].
    """
    known = key.shape[2] - query.shape[2]
    if attention_mask is not None or known == 0 or query.shape[2] == 1:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    padded = pad(query, (0, 0, known, 0))
    attended, weights = sdpa_attention_forward(module, padded, key, value, None, **options)
    return attended[:, known:], weights


def mask_if_needed(**arguments: Any) -> torch.Tensor | None:
    """None where `attend` needs no mask: causal, nothing padded, and no key behind the last query."""
    whole = arguments["q_offset"] + arguments["q_length"] == arguments["kv_length"]
    plain = arguments.get("attention_mask") is None and arguments.get("local_size") is None
    if whole and plain and arguments.get("allow_is_causal_skip"):
        return None
    mask: torch.Tensor | None = sdpa_mask(**arguments)
    return mask
