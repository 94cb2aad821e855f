"""Continuous batching: each step writes one token of every text in a slot, and texts come and go between the steps."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from traceback import clear_frames
from typing import Any, cast

import torch

from models.checkpoint.accelerator import accelerator_errors
from models.errors import EndpointError, ModelDefunct
from models.generation.language import Language, read
from models.generation.slot_cache import SlotCache
from models.writing import Continuation, Draft, Ending

TOO_LARGE = "Send fewer photos or tiles, or ask for less text."


@dataclass(eq=False)
class SlotText:
    """A text in the slot `row`, whose first `length` positions are read; its last token is still to be read."""

    ending: Ending
    length: int
    row: int = -1
    tokens: list[int] = field(default_factory=list)
    finished: bool = False
    failure: Exception | None = None


class SlotWriter:
    """Greedy decoding in at most `slots` slots of at most `positions` positions each."""

    def __init__(self, language: Language, slots: int, positions: int) -> None:
        self.slots = slots
        self.positions = min(positions, language.max_positions)
        self.cache = SlotCache()
        self._language = language
        self._live: list[SlotText] = []

    @property
    def device(self) -> torch.device:
        return self._language.device

    @property
    def live(self) -> int:
        return len(self._live)

    def check(self, draft: Draft) -> None:
        """Raise `prompt_too_long` if a draft could not be written to its end."""
        if draft.longest > self.positions:
            detail = (
                f"{draft.longest} tokens with the text; a slot holds {self.positions}. Send less or ask for less text."
            )
            raise EndpointError("prompt_too_long", detail, "photos")

    @torch.inference_mode()
    def admit(self, draft: Draft, endings: Sequence[int]) -> list[SlotText]:
        """As models.writing.Writer says; raises `out_of_memory` or `model_output_invalid`."""
        if len(endings) > self.slots - self.live:
            raise ValueError(f"{len(endings)} texts for {self.slots - self.live} free slots")
        with accelerator_errors(TOO_LARGE, "photos"):
            return self._admit(draft, endings)

    @torch.inference_mode()
    def step(self) -> None:
        """As models.writing.Writer says. A step that fails is done again in halves, down to the single text."""
        for text, token in zip(self._live, self._next(0, self.live), strict=True):
            text.length += 1
            if isinstance(token, int):
                self._take(text, token)
            else:
                text.failure = token
        for text in [text for text in self._live if text.finished or text.failure]:
            self.release(text)

    @torch.inference_mode()
    def release(self, continuation: Continuation) -> None:
        """Free a slot, if the text still has one: the last one moves there, so that rows in use are the first."""
        if continuation not in self._live:
            return
        text, last = continuation, self._live[-1]
        if text.failure is not None:
            self.cache.wipe(text.row)
        self._live.pop()
        if text is not last:
            self.cache.move(last.row, text.row, last.length)
            self._live[text.row], last.row = last, text.row
        if not self._live:
            self.cache.clear()

    def _admit(self, draft: Draft, numbers: Sequence[int]) -> list[SlotText]:
        seen = read(self._language, draft, numbers)
        texts = [
            SlotText(draft.endings[number], len(draft.prefix) + len(draft.endings[number].ids)) for number in numbers
        ]
        for text, token in zip(texts, _first(seen.logits, [text.ending for text in texts]), strict=True):
            if token is None:
                raise _not_finite()
            self._take(text, token)
        going_on = [number for number, text in enumerate(texts) if not text.finished]
        if going_on:
            positions = max(texts[number].length + texts[number].ending.max_tokens for number in going_on)
            self.cache.reserve(seen.layers, self.live + len(going_on), positions)
        for number in going_on:
            texts[number].row = self.live
            self.cache.write(self.live, 0, seen.shared)
            self.cache.write(self.live, seen.prefix, seen.own(number))
            self._live.append(texts[number])
        return texts

    def _take(self, text: SlotText, token: int) -> None:
        text.tokens.append(token)
        done = token in self._language.ends or len(text.tokens) >= text.ending.max_tokens
        text.finished = done or bool(text.ending.choices)

    def _next(self, start: int, stop: int) -> list[int | Exception]:
        """The next token of each text in the rows from `start` to `stop`, or why there is none."""
        if start == stop:
            return []
        try:
            with accelerator_errors(TOO_LARGE, "photos"):
                return self._decode(start, stop)
        except ModelDefunct:
            raise
        except Exception as error:
            # The tensors of the failed forward hang on its frames, and the halves will need their memory.
            clear_frames(error.__traceback__)
            failure = error
        if stop - start == 1:
            return [failure]
        middle = (start + stop) // 2
        return self._next(start, middle) + self._next(middle, stop)

    def _decode(self, start: int, stop: int) -> list[int | Exception]:
        """One forward of the rows. Doing it again does no harm: each text's new place is written anew."""
        texts, device = self._live[start:stop], self._language.device
        places = torch.tensor([text.length for text in texts], device=device)
        seen = max(text.length for text in texts) + 1
        self.cache.begin(start, places, seen)
        hidden = self._language.decoder(
            input_ids=torch.tensor([[text.tokens[-1]] for text in texts], device=device),
            attention_mask=(torch.arange(seen, device=device) <= places[:, None])[:, None, None],
            position_ids=places[:, None],
            past_key_values=cast(Any, self.cache),
            use_cache=True,
        ).last_hidden_state
        best = self._language.head(hidden[:, -1]).float().max(dim=-1)
        # One transfer a step; it also waits for the device. A NaN among the logits is their maximum.
        numbers = torch.stack([best.indices.double(), best.values.double()]).tolist()
        return [
            int(token) if abs(value) < float("inf") else _not_finite() for token, value in zip(*numbers, strict=True)
        ]


def _first(logits: torch.Tensor, endings: Sequence[Ending]) -> list[int | None]:
    """The most probable token of each row, of its ending's choices where there are some; None: not finite."""
    tokens: list[int | None] = []
    for row, ending in zip(logits, endings, strict=True):
        best = (row[list(ending.choices)] if ending.choices else row).max(dim=-1)
        token = int(best.indices)
        finite = bool(best.values.isfinite())
        tokens.append((ending.choices[token] if ending.choices else token) if finite else None)
    return tokens


def _not_finite() -> EndpointError:
    return EndpointError("model_output_invalid", "The model computed numbers that are not finite.")
