"""What services do that know no better: transformers' `generate` writes the answers as JSON, token by token."""

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence

from benchmarks.random_internvl import QUESTIONS
from models.internvl.inspector import InternVLInspector, PreparedInspection

REQUEST = (
    f"Answer with one JSON object of the keys {', '.join(question.id for question in QUESTIONS)}."
    "<|im_end|>\n<|im_start|>assistant\n"
)
PADDING = 0


def json_prompt(runner: InternVLInspector, prepared: PreparedInspection) -> list[int]:
    """Token ids of the engine's own prompt up to the questions, with all of them asked at once behind it."""
    return [*prepared.prompt.prefix, *runner.encoder.tokenizer.encode(REQUEST, add_special_tokens=False)]


def pixels(runner: InternVLInspector, batch: Sequence[PreparedInspection]) -> torch.Tensor:
    """All tiles of a batch, normalised, on the model's device."""
    tiles = [photo.tiles for prepared in batch for photo in prepared.photos if photo.tiles is not None]
    return runner.preprocessing.normalise(torch.cat(tiles), runner.model.device, runner.model.dtype)


@torch.inference_mode()
def generate(runner: InternVLInspector, batch: Sequence[PreparedInspection], tokens: int) -> list[list[int]]:
    """`tokens` ids for each: random weights would never stop by themselves."""
    prompts = [torch.tensor(json_prompt(runner, prepared)).flip(0) for prepared in batch]
    # Padded to the left, by padding the reversed rows to the right.
    ids = pad_sequence(prompts, batch_first=True, padding_value=PADDING).flip(1)
    mask = pad_sequence([torch.ones_like(prompt) for prompt in prompts], batch_first=True).flip(1)
    # transformers types `generate` for a class that its own models are not.
    untyped: Any = runner.model
    written = untyped.generate(
        input_ids=ids.to(runner.model.device),
        attention_mask=mask.to(runner.model.device),
        pixel_values=pixels(runner, batch),
        min_new_tokens=tokens,
        max_new_tokens=tokens,
        do_sample=False,
        pad_token_id=PADDING,
    )
    rows: list[list[int]] = written[:, ids.shape[1] :].tolist()
    return rows
