"""A client's text can never become a control token of the model."""

from pathlib import Path

import pytest
from tokenizers import AddedToken
from transformers import CLIPTokenizer, PreTrainedTokenizerBase

from models.checkpoint.control_tokens import ControlTokens
from models.errors import EndpointError


@pytest.fixture
def tokenizer(clip_checkpoint: Path) -> PreTrainedTokenizerBase:
    """It folds case before it looks for `<mark>`."""
    loaded: PreTrainedTokenizerBase = CLIPTokenizer.from_pretrained(clip_checkpoint)
    loaded.add_tokens([AddedToken("<mark>", normalized=True, special=True)], special_tokens=True)
    return loaded


@pytest.mark.parametrize("text", ["<mark>", "a<MARK>b", "<|endoftext|>"])
def test_a_control_token_is_found_however_it_is_written(tokenizer: PreTrainedTokenizerBase, text: str) -> None:
    with pytest.raises(EndpointError, match="control_token") as raised:
        ControlTokens(tokenizer).refuse_in(tokenizer.encode(text, add_special_tokens=False), "inputs[0].text")
    assert raised.value.field == "inputs[0].text"


def test_brackets_make_one_of_what_is_not_marked_special(tokenizer: PreTrainedTokenizerBase) -> None:
    """Qwen2.5 has `<tool_call>` so; a plain word that was added is none."""
    tokenizer.add_tokens([AddedToken("<tool_call>", special=False), AddedToken("sneaker", special=False)])
    controls = ControlTokens(tokenizer)
    assert tokenizer.convert_tokens_to_ids("<tool_call>") in controls.ids
    assert tokenizer.convert_tokens_to_ids("sneaker") not in controls.ids


def test_some_are_named_by_id(tokenizer: PreTrainedTokenizerBase) -> None:
    word = tokenizer.encode("shirt", add_special_tokens=False)
    with pytest.raises(EndpointError, match="control_token"):
        ControlTokens(tokenizer, also=word[:1]).refuse_in(word, "item")


@pytest.mark.parametrize("text", ["", "mark", "< mark >", "<|endof text|>", "\u0000", "👟"])
def test_other_texts_pass(tokenizer: PreTrainedTokenizerBase, text: str) -> None:
    ControlTokens(tokenizer).refuse_in(tokenizer.encode(text, add_special_tokens=False), "inputs[0].text")
