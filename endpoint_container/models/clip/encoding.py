"""Texts as CLIP's text tower takes them: marked, and padded to the longest of a request."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import CLIPTextConfig, PreTrainedTokenizerBase

from models.checkpoint.control_tokens import ControlTokens
from models.embedding import Text
from models.errors import EndpointError, LoadError

# Configurations from before transformers 4.31 hold this wrong number; the tower then looks for the highest id.
WRONG_EOS = 2


@dataclass(frozen=True)
class EncodedTexts:
    """`ids` and `mask` are int64 [texts, longest]; `tokens` counts what is not padding."""

    ids: torch.Tensor
    mask: torch.Tensor
    tokens: int


class TextEncoder:
    """Puts texts into a checkpoint's own tokens. Safe to use from several threads."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, config: CLIPTextConfig) -> None:
        self._tokenizer = tokenizer
        self._controls = ControlTokens(tokenizer)
        self._most = int(config.max_position_embeddings)
        self._start, self._end = _marks(tokenizer)
        if self._end != config.eos_token_id and config.eos_token_id != WRONG_EOS:
            raise LoadError(f"tokenizer: a text must end with the token {config.eos_token_id} of config.json")
        self._padding = self._end if tokenizer.pad_token_id is None else tokenizer.pad_token_id

    def encode(self, texts: Sequence[Text]) -> EncodedTexts:
        """Token ids of at least one text. Raises `control_token`, or `text_too_long`: a text is never cut."""
        rows = [self._row(text) for text in texts]
        longest = max(map(len, rows))
        return EncodedTexts(
            ids=torch.tensor([row + [self._padding] * (longest - len(row)) for row in rows]),
            mask=torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows]),
            tokens=sum(map(len, rows)),
        )

    def _row(self, text: Text) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text.text, add_special_tokens=False)
        self._controls.refuse_in(ids, text.field)
        row = [self._start, *ids, self._end]
        if len(row) > self._most:
            raise EndpointError("text_too_long", f"{len(row)} tokens; the model takes {self._most}.", text.field)
        return row


def _marks(tokenizer: PreTrainedTokenizerBase) -> tuple[int, int]:
    """The tokens before and after every text."""
    marks = tokenizer.encode("", add_special_tokens=True)
    if len(marks) != 2:
        raise LoadError("tokenizer: must put one token before a text and one after it")
    return marks[0], marks[1]
