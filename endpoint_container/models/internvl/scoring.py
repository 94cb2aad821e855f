"""All questions of several inspections at once: what they share is computed once, and they do not see each other.

The answer to a question is the one whose first token gets the largest logit where the answer begins. As answers are
told apart by their first tokens (encoding.py), this is what greedy decoding gives that may write nothing but one of
the answers (De Cao et al., "Autoregressive Entity Retrieval", arXiv:2010.00904): the first step chooses
among the first tokens and every later one is forced. For the same reason the softmax over these logits is the
probability of each whole answer under that decoding, and no length has to be normalised away.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache, InternVLForConditionalGeneration

from models.checkpoint.accelerator import send
from models.internvl.encoding import EncodedPrompt

PADDING = -1
# Positions, rows times tokens, that pass the language model in one step: bounds the memory of its activations.
STEP_POSITIONS = 8192


@dataclass(frozen=True)
class Packing:
    """Each prompt's question suffixes laid end to end, one prompt a row, [rows, tokens].

    `owner` is the question that a token belongs to (PADDING behind the last one), `position` its place in its own
    prompt. `ends` [questions] are the places, in the rows laid end to end, of each question's last token, where its
    answer is predicted; the questions of a prompt stand together.
    """

    ids: torch.Tensor
    owner: torch.Tensor
    position: torch.Tensor
    ends: torch.Tensor

    def mask(self, prefix_lengths: torch.Tensor, prefix_positions: int) -> torch.Tensor:
        """bool [rows, 1, tokens, prefix_positions + tokens]: one's own prompt's prefix, and one's own past."""
        own = (self.owner[:, :, None] == self.owner[:, None]) & (self.position[:, :, None] >= self.position[:, None])
        places = torch.arange(prefix_positions, device=self.ids.device)
        prefix = (places < prefix_lengths[:, None])[:, None].expand(-1, own.shape[1], -1)
        return torch.cat([prefix, own], dim=2)[:, None]


def pack(prompts: Sequence[EncodedPrompt], device: torch.device) -> Packing:
    """Lay the suffixes of each prompt end to end; each counts its positions from the end of its prompt's prefix."""
    ids, owner, position = [], [], []
    for prompt in prompts:
        start, suffixes = len(prompt.prefix), [question.suffix for question in prompt.questions]
        ids.append([token for suffix in suffixes for token in suffix])
        owner.append([number for number, suffix in enumerate(suffixes) for _ in suffix])
        position.append([start + offset for suffix in suffixes for offset in range(len(suffix))])
    width = max(map(len, ids))
    ends = [
        row * width + behind - 1
        for row, prompt in enumerate(prompts)
        for behind in accumulate(len(question.suffix) for question in prompt.questions)
    ]

    def rows(values: Iterable[list[int]], padding: int = 0) -> torch.Tensor:
        return send(torch.tensor([row + [padding] * (width - len(row)) for row in values]), device)

    return Packing(rows(ids), rows(owner, PADDING), rows(position), send(torch.tensor(ends), device))


def answer_logits(
    model: InternVLForConditionalGeneration,
    prompts: Sequence[EncodedPrompt],
    features: Sequence[torch.Tensor],
    state: DynamicCache,
) -> torch.Tensor:
    """The float32 logits of all answers, [answers], by prompt, question and answer; on the device, not waited for.

    `features` [image tokens, hidden], one a prompt, replace its image tokens in order. `state` has a row a prompt
    and holds as many of their first tokens as they have in common, possibly none.
    """
    language = model.model.language_model
    known = state.get_seq_length()
    embeds = pad_sequence(
        [_embed(model, prompt.prefix[known:], seen) for prompt, seen in zip(prompts, features, strict=True)],
        batch_first=True,
    )
    # No mask: rows are padded only behind their end, where nothing that counts can see it (attention.py).
    for step in torch.split(embeds, max(1, STEP_POSITIONS // len(prompts)), dim=1):
        language(inputs_embeds=step, past_key_values=state, use_cache=True)

    packing = pack(prompts, model.device)
    lengths = send(torch.tensor([len(prompt.prefix) for prompt in prompts]), model.device)
    hidden = language(
        input_ids=packing.ids,
        attention_mask=packing.mask(lengths, known + embeds.shape[1]),
        position_ids=packing.position,
        past_key_values=state,
        use_cache=True,
    ).last_hidden_state
    logits = model.lm_head(hidden.flatten(0, 1).index_select(0, packing.ends))
    answers = [question.answers for prompt in prompts for question in prompt.questions]
    places = [(row, token) for row, tokens in enumerate(answers) for token in tokens]
    row, token = send(torch.tensor(places), model.device).unbind(1)
    chosen: torch.Tensor = logits[row, token].float()
    return chosen


def _embed(model: InternVLForConditionalGeneration, ids: Sequence[int], features: torch.Tensor) -> torch.Tensor:
    """Inputs [ids, hidden] with the features in the places of the image tokens."""
    tokens = send(torch.tensor(ids), model.device)
    embeds: torch.Tensor = model.model.language_model.get_input_embeddings()(tokens)
    at_image = (tokens == model.config.image_token_id).unsqueeze(-1)
    return embeds.masked_scatter(at_image, features.to(embeds.dtype))


def probabilities(logits: torch.Tensor, temperature: float) -> Sequence[float]:
    """Softmax over one question's answers, sharpened (T < 1) or softened (T > 1)."""
    values: list[float] = (logits.double() / temperature).softmax(dim=-1).tolist()
    return values
