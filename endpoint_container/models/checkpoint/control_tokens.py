"""Tokens that a client's text must not be able to write."""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

from models.errors import EndpointError


class ControlTokens:
    """The control tokens of one tokenizer, known by id: some tokenizers fold case before they look for them."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        added = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
        marks = {tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id}
        special = {*added, *tokenizer.all_special_ids}
        # A character that the vocabulary lacks is no control token, unless the tokenizer uses one for both.
        self._ids = special - ({tokenizer.unk_token_id} - marks)

    def refuse_in(self, ids: Sequence[int], field: str) -> None:
        """Raise `control_token` if a text, encoded without marks of its own, holds one."""
        if not self._ids.isdisjoint(ids):
            raise EndpointError("control_token", "Texts cannot contain the model's control tokens.", field)
