"""A prompt taken in parts, without masks, is the prompt taken at once; and it takes no more memory than is said."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import DynamicCache, InternVLForConditionalGeneration

from models.errors import EndpointError
from models.inspection import Inspection, Question
from models.interface import ModelOptions
from models.internvl import inspector as inspector_module
from models.internvl import scoring
from models.internvl.attention import attend
from models.internvl.loaded import InternVL
from models.internvl.loader import load
from tests.unit.endpoint_container.models.test_batching import TOLERANCE, furthest

MB = 1024 * 1024
LONG = "a red shirt with a label, size M, " * 150


class LargestTensor(TorchDispatchMode):
    """Notes the bytes of the largest tensor that any operation gives."""

    bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else (result,):
            if isinstance(tensor, torch.Tensor):
                self.bytes = max(self.bytes, tensor.untyped_storage().nbytes())
        return result


@pytest.fixture
def caching(checkpoint: Path) -> InternVL:
    return load(ModelOptions(checkpoint, threads=1, device="cpu", photo_cache_bytes=MB, prefix_cache_bytes=MB))


@given(st.integers(1, 3), st.integers(0, 20), st.integers(1, 20), st.sampled_from([1, 2]))
def test_without_a_mask_the_last_query_sees_every_key(rows: int, known: int, tokens: int, groups: int) -> None:
    torch.manual_seed(known * 100 + tokens)
    module: Any = torch.nn.Module()
    module.num_key_value_groups, module.is_causal = groups, True
    query = torch.randn(rows, 2 * groups, tokens, 8)
    key, value = torch.randn(2, rows, 2, known + tokens, 8)
    mask = torch.ones(tokens, known + tokens, dtype=torch.bool).tril(known)[None, None]
    plain, _ = attend(module, query, key, value, None)
    masked, _ = attend(module, query, key, value, mask)
    assert plain.shape == (rows, tokens, 2 * groups, 8)
    assert (plain - masked).abs().max() <= 1e-5


def test_the_model_still_takes_padding_and_generates(internvl: InternVL, checkpoint: Path) -> None:
    """Whoever uses the same model another way gets what transformers' own attention gives."""
    ours: Any = internvl.inspector.model
    plain: Any = InternVLForConditionalGeneration.from_pretrained(checkpoint)
    ids = torch.arange(40, 60).view(2, 10)
    padding = torch.ones_like(ids)
    padding[1, :4] = 0
    written = [
        model.generate(input_ids=ids, attention_mask=padding, max_new_tokens=5, do_sample=False, pad_token_id=0)
        for model in (ours, plain)
    ]
    assert torch.equal(*written)
    logits = []
    for model in (ours, plain):
        state = DynamicCache(config=model.config.get_text_config())
        model(input_ids=ids[:, :4], attention_mask=padding[:, :4], past_key_values=state)
        logits.append(model(input_ids=ids[:, 4:], attention_mask=padding, past_key_values=state).logits)
    assert (logits[0] - logits[1]).abs().max() <= TOLERANCE


# Steps of two tokens a prompt take a while, so there the prompt is not as long.
@pytest.mark.parametrize(("positions", "longest"), [(7, LONG[:400]), (100, LONG), (1000, LONG)])
def test_a_prompt_in_steps_equals_one_in_one_step(
    internvl: InternVL,
    caching: InternVL,
    inspection: Callable[..., Inspection],
    monkeypatch: pytest.MonkeyPatch,
    positions: int,
    longest: str,
) -> None:
    requests = [inspection(1, 2, description=text, max_tiles=4) for text in ("shirt", "red shirt", longest)]
    whole = [internvl.inspector.run(internvl.inspector.prepare(request)) for request in requests]
    monkeypatch.setattr(scoring, "STEP_POSITIONS", positions)
    for model in (internvl, caching, caching):
        prepared = [model.inspector.prepare(request) for request in requests]
        for one, other in zip(whole, model.inspector.run_batch(prepared), strict=True):
            assert furthest(one, other) <= TOLERANCE


def test_a_long_prompt_needs_no_mask_of_its_length_squared(
    internvl: InternVL, caching: InternVL, inspection: Callable[..., Inspection]
) -> None:
    request = inspection(1, description=LONG)
    for model in (internvl, caching, caching):
        prepared = model.inspector.prepare(request)
        assert prepared.prompt.tokens > 2000
        with LargestTensor() as largest:
            model.inspector.run(prepared)
        assert largest.bytes < len(prepared.prompt.prefix) ** 2 / 2


def test_questions_are_bounded_together(
    internvl: InternVL, inspection: Callable[..., Inspection], monkeypatch: pytest.MonkeyPatch
) -> None:
    request = inspection(1)
    packed = internvl.inspector.prepare(request).prompt.packed
    monkeypatch.setattr(inspector_module, "PACKED_TOKENS", packed)
    internvl.inspector.prepare(request)
    more = replace(request, questions=(*request.questions, Question("more", "Is it?", ("yes", "no"))))
    with pytest.raises(EndpointError) as caught:
        internvl.inspector.prepare(more)
    assert (caught.value.code, caught.value.field) == ("prompt_too_long", "questions")
