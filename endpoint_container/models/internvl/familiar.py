"""Which items a model has learnt to read, where it has learnt only some: beyond them its probabilities mean nothing.

Temperatures are fitted on orders like those of the calibration data. A small model that meets other words compares
with something else than the order, and is as sure of it as ever.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from models.internvl.prompt import item_text

_BETWEEN_WORDS = re.compile(r"[\s,;:.()]+")
# Sizes, quantities, model numbers.
_NUMBER = re.compile(r"(?=.*[0-9])[A-Za-z0-9-]{1,8}")


@dataclass(frozen=True)
class FamiliarItems:
    """Items of at most `most_words` of the `words` (lower case) and of numbers; `questions` compare with the item."""

    words: frozenset[str]
    most_words: int
    questions: frozenset[str]

    def covers(self, item: Mapping[str, object]) -> bool:
        words = words_of(item)
        known = all(word.lower() in self.words or is_number(word) for word in words)
        return known and 0 < len(words) <= self.most_words


def words_of(item: Mapping[str, object]) -> list[str]:
    """The words that the model gets of an item, without what stands between them."""
    return [word for word in _BETWEEN_WORDS.split(item_text(item)) if word]


def is_number(word: str) -> bool:
    """Whether a word is a number, alone or among a few letters: `42`, `AB-1234`."""
    return _NUMBER.fullmatch(word) is not None
