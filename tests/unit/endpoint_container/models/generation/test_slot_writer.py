"""Slots against transformers' own generate, token by token; who joins, leaves or fails is no matter to the others."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from transformers import OPTConfig, OPTForCausalLM, Qwen2Config, Qwen2ForCausalLM

from models.errors import EndpointError, ModelDefunct
from models.generation.language import Language
from models.generation.slot_cache import BLOCK
from models.generation.slot_writer import SlotText, SlotWriter
from models.writing import Draft, Ending

VOCABULARY, IMAGE, END = 64, 3, 5
SIZES: dict[str, Any] = {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}


def qwen2() -> Any:
    """Grouped heads, rotary positions."""
    sizes = {**SIZES, "num_key_value_heads": 2, "intermediate_size": 64, "max_position_embeddings": 512}
    return Qwen2ForCausalLM(Qwen2Config(**sizes, initializer_range=0.3, eos_token_id=END)).model


def opt() -> Any:
    """Learned positions, of which there are 512."""
    sizes = {**SIZES, "ffn_dim": 64, "word_embed_proj_dim": 32, "max_position_embeddings": 512}
    return OPTForCausalLM(OPTConfig(**sizes, init_std=0.3, eos_token_id=END, dropout=0.0)).model.decoder


@pytest.fixture(scope="module", params=[qwen2, opt])
def language(request: pytest.FixtureRequest) -> Language:
    torch.manual_seed(1)
    decoder = request.param().eval().requires_grad_(False)
    head = torch.nn.Linear(32, VOCABULARY, bias=False).requires_grad_(False)
    return Language(decoder, head, IMAGE, frozenset({END}))


def draft(seed: int, tokens: int, max_tokens: int = 12, endings: int = 1) -> Draft:
    """A prompt of random tokens with four photo features in it."""
    generator = torch.Generator().manual_seed(seed)
    prefix = torch.randint(6, VOCABULARY, (tokens,), generator=generator).tolist()
    prefix[1:5] = [IMAGE] * 4
    ids = torch.randint(6, VOCABULARY, (endings, 5), generator=generator).tolist()
    features = torch.randn(4, 32, generator=generator)
    return Draft(
        tuple(prefix), features, tuple(Ending(tuple(row[: 3 + n % 3]), max_tokens) for n, row in enumerate(ids))
    )


@torch.inference_mode()
def alone(language: Language, asked: Draft, number: int = 0) -> list[int]:
    """Greedy tokens by plain forwards over the whole text, without a cache."""
    ending, tokens = asked.endings[number], list[int]()
    while len(tokens) < ending.max_tokens and END not in tokens:
        prompt = language.embed((*asked.prefix, *ending.ids), asked.features)
        # A model without training may write the image token as well: no photo stands behind that one.
        written = language.decoder.get_input_embeddings()(torch.tensor([tokens], dtype=torch.long))
        embeds = torch.cat([prompt, written], dim=1)
        tokens.append(int(language.head(language.decoder(inputs_embeds=embeds).last_hidden_state[0, -1]).argmax()))
    return tokens


def finish(writer: SlotWriter) -> None:
    while writer.live:
        writer.step()


@hypothesis_settings(max_examples=12)
@given(st.lists(st.tuples(*[st.integers(low, high) for low, high in [(6, 40), (1, 14), (1, 3), (0, 5)]]), max_size=6))
def test_texts_that_join_at_any_step_are_those_of_plain_forwards(
    language: Language, wanted: list[tuple[int, int, int, int]]
) -> None:
    writer = SlotWriter(language, slots=3, positions=400)
    written: list[tuple[Draft, list[SlotText]]] = []
    for seed, (tokens, max_tokens, endings, steps) in enumerate(wanted):
        asked = draft(seed, tokens, max_tokens, endings)
        while endings > writer.slots - writer.live:
            writer.step()
        written.append((asked, writer.admit(asked, range(endings))))
        for _ in range(steps):
            writer.step()
    finish(writer)
    for asked, texts in written:
        for number, text in enumerate(texts):
            assert text.tokens == alone(language, asked, number)
    assert writer.cache.bytes == 0


def test_a_short_text_leaves_and_another_takes_its_slot(language: Language) -> None:
    writer = SlotWriter(language, slots=2, positions=400)
    long, short, later = draft(1, 20, max_tokens=40), draft(2, 9, max_tokens=2), draft(3, 14, max_tokens=4)
    first = writer.admit(long, [0])[0]
    quick = writer.admit(short, [0])[0]
    writer.step()
    assert (quick.finished, writer.live) == (True, 1)
    after = writer.admit(later, [0])[0]
    finish(writer)
    assert [first.tokens, quick.tokens, after.tokens] == [alone(language, asked) for asked in (long, short, later)]


def test_a_text_longer_than_one_block_of_memory_is_kept_when_memory_grows(language: Language) -> None:
    writer = SlotWriter(language, slots=4, positions=400)
    early, late = draft(1, 30, max_tokens=30), draft(2, BLOCK + 40, max_tokens=5)
    first = writer.admit(early, [0])[0]
    writer.step()
    before = writer.cache.bytes
    second = writer.admit(late, [0])[0]
    assert writer.cache.bytes == 4 * before
    finish(writer)
    assert [first.tokens, second.tokens] == [alone(language, early), alone(language, late)]


def test_who_is_released_makes_room_and_harms_nobody(language: Language) -> None:
    writer = SlotWriter(language, slots=3, positions=400)
    asked = [draft(seed, 10 + seed, max_tokens=8) for seed in range(3)]
    texts = [writer.admit(one, [0])[0] for one in asked]
    writer.step()
    writer.release(texts[0])
    writer.release(texts[0])
    assert writer.live == 2
    finish(writer)
    assert [text.tokens for text in texts[1:]] == [alone(language, one) for one in asked[1:]]
    assert len(texts[0].tokens) == 2


def test_choices_are_one_token_the_most_probable_of_them(language: Language) -> None:
    plain = draft(4, 12)
    choices = (40, 41, 42)
    ending = Ending(plain.endings[0].ids, 12, choices)
    writer = SlotWriter(language, slots=1, positions=400)
    text = writer.admit(Draft(plain.prefix, plain.features, (ending,)), [0])[0]
    with torch.inference_mode():
        embeds = language.embed((*plain.prefix, *ending.ids), plain.features)
        logits = language.head(language.decoder(inputs_embeds=embeds).last_hidden_state[0, -1])
    assert text.tokens == [choices[int(logits[list(choices)].argmax())]]
    assert (text.finished, writer.live) == (True, 0)


def test_numbers_that_are_not_finite_end_one_text_and_leave_nothing_behind(language: Language) -> None:
    writer = SlotWriter(language, slots=2, positions=400)
    asked, later = draft(1, 30, max_tokens=10), draft(3, 50, max_tokens=10)
    spoilt = writer.admit(draft(2, 60, max_tokens=10), [0])[0]
    well = writer.admit(asked, [0])[0]
    keys, _ = writer.cache._layers[0]
    with torch.inference_mode():
        keys[spoilt.row, :, :60] = float("nan")
    writer.step()
    assert isinstance(spoilt.failure, EndpointError)
    assert spoilt.failure.code == "model_output_invalid"
    other = writer.admit(later, [0])[0]
    finish(writer)
    assert [well.tokens, other.tokens] == [alone(language, asked), alone(language, later)]


def test_features_that_are_not_finite_take_no_slot(language: Language) -> None:
    writer = SlotWriter(language, slots=2, positions=400)
    asked = draft(1, 10)
    bad = Draft(asked.prefix, asked.features * float("nan"), asked.endings)
    with pytest.raises(EndpointError, match="model_output_invalid"):
        writer.admit(bad, [0])
    assert (writer.live, writer.cache.bytes) == (0, 0)


@contextmanager
def failing(language: Language, fails: Callable[[dict[str, Any]], Exception | None]) -> Iterator[None]:
    """The decoder raises what `fails` says of a call's arguments."""

    def hook(_: object, __: object, arguments: dict[str, Any]) -> None:
        if (error := fails(arguments)) is not None:
            raise error

    handle = language.decoder.register_forward_pre_hook(hook, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


def rows(arguments: dict[str, Any]) -> int:
    """Texts of a decoding step; 0 for the reading of a draft."""
    return 0 if "inputs_embeds" in arguments else len(arguments["input_ids"])


def test_a_step_that_does_not_fit_is_done_in_halves(language: Language) -> None:
    writer = SlotWriter(language, slots=5, positions=400)
    asked = [draft(seed, 8 + seed, max_tokens=6) for seed in range(5)]
    texts = [writer.admit(one, [0])[0] for one in asked]
    with failing(language, lambda call: torch.OutOfMemoryError() if rows(call) > 2 else None):
        finish(writer)
    assert [text.tokens for text in texts] == [alone(language, one) for one in asked]


def test_one_that_fails_by_itself_fails_alone(language: Language) -> None:
    writer = SlotWriter(language, slots=4, positions=400)
    asked = [draft(seed, 8 + 4 * seed, max_tokens=6) for seed in range(4)]
    texts = [writer.admit(one, [0])[0] for one in asked]
    place = texts[2].length + 1

    def poisoned(call: dict[str, Any]) -> Exception | None:
        return RuntimeError("poison") if rows(call) and (call["position_ids"] == place).any() else None

    with failing(language, poisoned):
        finish(writer)
    assert isinstance(texts[2].failure, RuntimeError)
    for text, one in zip(texts, asked, strict=True):
        assert text is texts[2] or text.tokens == alone(language, one)


@pytest.mark.parametrize(
    ("error", "code"), [(torch.OutOfMemoryError(), "out_of_memory"), (torch.AcceleratorError("lost"), "model_defunct")]
)
def test_a_draft_that_does_not_fit_takes_no_slot(language: Language, error: Exception, code: str) -> None:
    writer = SlotWriter(language, slots=2, positions=400)
    with failing(language, lambda _: error), pytest.raises(EndpointError) as caught:
        writer.admit(draft(1, 10), [0])
    assert (caught.value.code, writer.live) == (code, 0)


def test_a_lost_accelerator_ends_the_step(language: Language) -> None:
    writer = SlotWriter(language, slots=2, positions=400)
    writer.admit(draft(1, 10), [0])
    with failing(language, lambda _: torch.AcceleratorError("lost")), pytest.raises(ModelDefunct):
        writer.step()


def test_more_than_a_slot_holds_is_refused_beforehand(language: Language) -> None:
    writer = SlotWriter(language, slots=2, positions=50)
    writer.check(draft(1, 35, max_tokens=12))
    with pytest.raises(EndpointError, match="prompt_too_long"):
        writer.check(draft(1, 36, max_tokens=12))
    assert SlotWriter(language, slots=2, positions=10_000).positions == 512


def test_more_texts_than_slots_are_a_mistake_of_the_caller(language: Language) -> None:
    writer = SlotWriter(language, slots=2, positions=400)
    endings: Sequence[int] = range(3)
    with pytest.raises(ValueError, match="3 texts for 2"):
        writer.admit(draft(1, 10, endings=3), endings)
