"""The tokenizer: answers are one token each, and any text survives the round trip."""

import pytest
from transformers import PreTrainedTokenizerFast

from demo_model.checklist import read_questions
from demo_model.tokenizer import SPECIALS, VOCABULARY, answer_token, train_tokenizer
from models.internvl import prompt


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer()


def test_answers_are_single_and_distinct_tokens(tokenizer: PreTrainedTokenizerFast) -> None:
    for question in read_questions():
        tokens = {answer_token(tokenizer, answer) for answer in question.answers}
        assert len(tokens) == len(question.answers)


def test_an_answer_is_the_same_token_behind_the_prompt(tokenizer: PreTrainedTokenizerFast) -> None:
    question = read_questions()[0]
    suffix = prompt.question_suffix(question, lettered=False)
    whole = tokenizer.encode(suffix + "yes", add_special_tokens=False)
    assert whole == [*tokenizer.encode(suffix, add_special_tokens=False), answer_token(tokenizer, "yes")]


@pytest.mark.parametrize("text", ["a red shoe", "Schöne grüne Jacke, Größe 42", "漢字 und 🙂", "x\n\n  y\t<item>"])
def test_any_text_survives(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


def test_marks_are_single_tokens(tokenizer: PreTrainedTokenizerFast) -> None:
    assert len(tokenizer) == VOCABULARY
    for special in SPECIALS:
        assert tokenizer.encode(special, add_special_tokens=False) == [tokenizer.convert_tokens_to_ids(special)]


def test_several_tokens_are_no_answer(tokenizer: PreTrainedTokenizerFast) -> None:
    with pytest.raises(ValueError, match="tokens"):
        answer_token(tokenizer, "perhaps not at all")
