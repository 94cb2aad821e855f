"""Tokens that a client's text must not be able to write."""

from collections.abc import Collection, Sequence

from transformers import PreTrainedTokenizerBase

from models.errors import EndpointError


class ControlTokens:
    """The control tokens of one tokenizer, known by id: some tokenizers fold case or normalise before they look.

    Not all are marked special: Qwen2.5's `<tool_call>` and `<|fim_prefix|>` are not. So whatever was added to the
    vocabulary in angle brackets counts, and `also`.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, also: Collection[int] = ()) -> None:
        added = {
            number
            for number, token in tokenizer.added_tokens_decoder.items()
            if token.special or (token.content.startswith("<") and token.content.endswith(">"))
        }
        marks = {tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id}
        special = {*added, *tokenizer.all_special_ids}
        # A character that the vocabulary lacks is no control token, unless the tokenizer uses one for both.
        self.ids = frozenset(special - ({tokenizer.unk_token_id} - marks) | {*also})

    def refuse_in(self, ids: Sequence[int], field: str) -> None:
        """Raise `control_token` if a text, encoded without marks of its own, holds one."""
        if not self.ids.isdisjoint(ids):
            raise EndpointError("control_token", "Texts cannot contain the model's control tokens.", field)
