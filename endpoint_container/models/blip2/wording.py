"""What BLIP-2 is asked, in the words that its authors evaluate it with (arXiv:2301.12597, section 4)."""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

from models.checkpoint.control_tokens import ControlTokens


class Blip2Wording:
    """Puts questions into a checkpoint's own tokens, and its tokens into text. Safe to use from several threads."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, start: int, ends: frozenset[int]) -> None:
        self._tokenizer = tokenizer
        self._controls = ControlTokens(tokenizer)
        # Stands behind the photo and before the text, as transformers' Blip2Processor has it.
        self._start = start
        self.ends = ends

    def caption(self) -> tuple[int, ...]:
        """Nothing: what the model says of a photo unasked is its caption."""
        return (self._start,)

    def question(self, text: str, answers: Sequence[str], field: str | None = None) -> tuple[int, ...]:
        """A question with fixed answers names them itself. Raises `control_token`."""
        ids = self._ids(f"Question: {' '.join(text.split())} Answer:")
        if field is not None:
            self._controls.refuse_in(ids, field)
        return (self._start, *ids)

    def answer(self, text: str) -> tuple[int, ...]:
        return tuple(self._ids(f" {text}"))

    def text(self, tokens: Sequence[int]) -> str:
        kept = [token for token in tokens if token not in self.ends]
        return str(self._tokenizer.decode(kept, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        return ids
