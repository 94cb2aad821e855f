"""Keys and values of all texts that are being written, one slot a text, in one block of memory a layer."""

from collections.abc import Sequence

import torch

# Lengths are rounded up to whole blocks, so that memory is not moved for every newcomer.
BLOCK = 128
# A layer's keys and values, each [rows, heads, positions, head width].
KeyValues = tuple[torch.Tensor, torch.Tensor]


class SlotCache:
    """Takes the place of transformers' own cache in a decoding step, where every row adds one token.

    Rows in use are always the first ones. Memory grows with the rows and positions that are asked for, and is given
    back by `clear`. What lies behind a row's own end is finite: masked out it weighs nothing, which NaN would not.
    """

    is_compileable = False

    def __init__(self) -> None:
        self._layers: list[KeyValues] = []
        self._rows = self._positions = 0
        self._step = slice(0, 0)
        self._seen = 0
        self._places = torch.empty(0, dtype=torch.long)
        self._indices = torch.empty(0, dtype=torch.long)

    @property
    def bytes(self) -> int:
        return sum(part.nbytes for pair in self._layers for part in pair)

    def reserve(self, like: Sequence[KeyValues], rows: int, positions: int) -> None:
        """Have room for so many rows and positions, in the layers' shapes of `like`; what is there is kept.

        Too little memory raises, and what was there is still kept.
        """
        if rows <= self._rows and positions <= self._positions:
            return
        rows = max(self._rows, 1 << (rows - 1).bit_length())
        positions = max(self._positions, -(-positions // BLOCK) * BLOCK)
        for number, pair in enumerate(like):
            kept = self._layers[number] if self._layers[number:] else None
            keys, values = (_enlarged(part, kept and kept[side], rows, positions) for side, part in enumerate(pair))
            # Layer by layer: only one is ever held twice.
            self._layers[number : number + 1] = [(keys, values)]
        self._rows, self._positions = rows, positions

    def write(self, row: int, start: int, layers: Sequence[KeyValues]) -> None:
        """Put [heads, tokens, head width] a layer into a row, from position `start` on."""
        for (keys, values), (new_keys, new_values) in zip(self._layers, layers, strict=True):
            end = start + new_keys.shape[1]
            keys[row, :, start:end], values[row, :, start:end] = new_keys, new_values

    def move(self, source: int, target: int, length: int) -> None:
        """Copy the first `length` positions of a row over those of another."""
        for pair in self._layers:
            for part in pair:
                part[target, :, :length] = part[source, :, :length]

    def wipe(self, row: int) -> None:
        """Forget a row that may hold NaN."""
        for pair in self._layers:
            for part in pair:
                part[row].zero_()

    def clear(self) -> None:
        """Give the memory back."""
        self._layers, self._rows, self._positions = [], 0, 0

    def begin(self, first: int, places: torch.Tensor, seen: int) -> None:
        """A step of the rows from `first` on: each writes at its own place, and the first `seen` positions are read."""
        self._step, self._places, self._seen = slice(first, first + len(places)), places, seen
        self._indices = torch.arange(first, first + len(places), device=places.device)

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer: int, *_: object, **__: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What an attention layer calls with [rows, heads, 1, head width]; returns all that the rows hold."""
        kept_keys, kept_values = self._layers[layer]
        kept_keys[self._indices, :, self._places] = keys[:, :, 0]
        kept_values[self._indices, :, self._places] = values[:, :, 0]
        return kept_keys[self._step, :, : self._seen], kept_values[self._step, :, : self._seen]

    def get_seq_length(self, *_: object) -> int:
        """Asked by transformers' models; the mask that they are given says it more exactly."""
        return self._seen


def _enlarged(like: torch.Tensor, kept: torch.Tensor | None, rows: int, positions: int) -> torch.Tensor:
    enlarged = like.new_zeros(rows, like.shape[1], positions, like.shape[3])
    if kept is not None:
        enlarged[: kept.shape[0], :, : kept.shape[2]] = kept
    return enlarged
