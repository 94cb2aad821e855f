"""From an inspection to token ids: the shared part, one suffix a question, and where each answer is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from transformers import PreTrainedTokenizerBase

from models.checkpoint.control_tokens import ControlTokens
from models.errors import EndpointError, LoadError
from models.inspection import Inspection, Question
from models.internvl.prompt import (
    IMAGE_CONTEXT,
    LETTERS,
    as_data,
    item_block,
    photo_block,
    question_suffix,
    shared_prefix,
)


@dataclass(frozen=True)
class EncodedQuestion:
    """Token ids of a question's suffix, and the one token that stands for each of its answers."""

    suffix: tuple[int, ...]
    answers: tuple[int, ...]


@dataclass(frozen=True)
class EncodedPrompt:
    """`prefix` is shared by all questions and holds one image token for each visual feature.

    Its first `shared` tokens, system text and checklist, are also those of other inspections of the checklist; its
    first `shown` end with the last photo.
    """

    prefix: tuple[int, ...]
    questions: tuple[EncodedQuestion, ...]
    shared: int
    shown: int

    @property
    def checklist(self) -> tuple[int, ...]:
        """The tokens before the photos."""
        return self.prefix[: self.shared]

    @property
    def tokens(self) -> int:
        return len(self.prefix) + sum(len(question.suffix) for question in self.questions)

    @property
    def packed(self) -> int:
        """Tokens of all suffixes, which attend to the prefix in one step."""
        return self.tokens - len(self.prefix)

    @property
    def longest(self) -> int:
        """Positions that the longest single question needs; packed questions share positions."""
        return len(self.prefix) + max(len(question.suffix) for question in self.questions)


class PromptEncoder:
    """Puts the fixed prompt into a checkpoint's own tokens. Safe to use from several threads."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, image_token_id: int, tokens_per_tile: int) -> None:
        self.tokenizer = tokenizer
        self._image_token_id = image_token_id
        self._tokens_per_tile = tokens_per_tile
        self.controls = ControlTokens(tokenizer, also=(image_token_id,))
        # A checklist asks the same of every inspection.
        self._either_form = lru_cache(maxsize=1024)(lambda text: self._ids(text) + self._ids(as_data(text)))
        if self._ids(IMAGE_CONTEXT) != (image_token_id,):
            raise LoadError(f"tokenizer: {IMAGE_CONTEXT} must be the one token {image_token_id} of config.json")

    def encode(self, inspection: Inspection, tiles: Sequence[int]) -> EncodedPrompt:
        """Token ids of an inspection whose photos were cut into `tiles` tiles each; suffixes of those asked only.

        Raises `control_token` if a text would inject one, `answers_not_scorable` if answers cannot be told apart.
        """
        self._refuse_controls(inspection.questions)
        prefix = list(self._ids(shared_prefix(inspection.questions)))
        shared = len(prefix)
        for number, count in enumerate(tiles, start=1):
            prefix += self.photo_ids(number, count * self._tokens_per_tile)
        shown = len(prefix)
        prefix += self.item_ids(inspection.item)
        if prefix.count(self._image_token_id) != sum(tiles) * self._tokens_per_tile:
            raise EndpointError("internal_error", "The prompt does not hold one image token for each feature.")
        questions = tuple(self._question(question) for question in inspection.asked_questions)
        return EncodedPrompt(tuple(prefix), questions, shared, shown)

    def photo_ids(self, number: int, tokens: int) -> list[int]:
        # Thousands of equal tokens need no tokenizer: encode one and repeat its id.
        ids = self._ids(photo_block(number, 1))
        return [token for token in ids for _ in range(tokens if token == self._image_token_id else 1)]

    def item_ids(self, item: Mapping[str, object]) -> tuple[int, ...]:
        """The item, delimited. Raises `control_token`: one that is written without angle brackets would have stayed."""
        ids = self._ids(item_block(item))
        self.controls.refuse_in(ids, "item")
        return ids

    def _question(self, question: Question) -> EncodedQuestion:
        words = self._first_tokens(question.answers)
        if words:
            return EncodedQuestion(self._ids(question_suffix(question, lettered=False)), words)
        letters = self._first_tokens(LETTERS[: len(question.answers)])
        if letters:
            return EncodedQuestion(self._ids(question_suffix(question, lettered=True)), letters)
        raise EndpointError("answers_not_scorable", f"Question '{question.id}': answers share their first tokens.")

    def _first_tokens(self, words: Sequence[str]) -> tuple[int, ...]:
        """The first token of each word, or nothing where two words share one or a word is unknown."""
        firsts = tuple(ids[0] for word in words if (ids := self._ids(word)))
        distinct = len(set(firsts)) == len(words)
        return firsts if distinct and self.tokenizer.unk_token_id not in firsts else ()

    def _refuse_controls(self, questions: Sequence[Question]) -> None:
        for number, question in enumerate(questions):
            self.refuse_in(question.text, f"questions[{number}].text")
            for answer in question.answers:
                self.refuse_in(answer, f"questions[{number}].answers")

    def refuse_in(self, text: str, field: str) -> None:
        """Raise `control_token` if a text holds one as it stands, or would without what `as_data` takes out."""
        self.controls.refuse_in(self._either_form(text), field)

    def _ids(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer.encode(text, add_special_tokens=False))
