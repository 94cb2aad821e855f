"""What the work of an inspection costs at least, counted from the shapes, and what the device at hand can do.

A multiplication of [m, k] by [k, n] is 2·m·k·n FLOP. Only matrix products are counted: norms, activations, softmax and
rotary embeddings are below one percent. Causal attention counts what a token may see, not the masked rest. The bytes
are the weights, read once a pass, and the keys and values: activations may stay in caches. Both are lower bounds, so
the share of the roofline that is reached is never flattered.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from benchmarks.shapes import Shape

# Dense bfloat16 FLOP/s and bytes/s of the vendors' data sheets, by a part of the device's name.
VENDOR_PEAKS = {
    "H200": (989e12, 4.8e12),
    "H100 PCIe": (756e12, 2.0e12),
    "H100": (989e12, 3.35e12),
    "A100": (312e12, 1.555e12),
    "L40S": (362e12, 864e9),
    "A10G": (70e12, 600e9),
    "L4": (121e12, 300e9),
}


@dataclass(frozen=True)
class Counts:
    """One inspection: tiles of its photos, tokens before the questions, of each question, and already known ones."""

    tiles: int
    prefix: int
    suffixes: tuple[int, ...]
    known: int = 0


@dataclass(frozen=True)
class Phase:
    """Work that has to be over before the next can begin."""

    flop: float
    bytes: float


@dataclass(frozen=True)
class Rates:
    """FLOP and bytes a second of a device."""

    flop: float
    bytes: float


def seconds(phases: Sequence[Phase], rates: Rates) -> float:
    """The roofline: each phase takes as long as the slower of computing and reading."""
    return sum(max(phase.flop / rates.flop, phase.bytes / rates.bytes) for phase in phases)


def flop(phases: Sequence[Phase]) -> float:
    return sum(phase.flop for phase in phases)


def scoring(shape: Shape, batch: Sequence[Counts], value_bytes: int) -> list[Phase]:
    """A batch of inspections: tiles, what stands before the questions, all questions side by side."""
    prefill = sum(language_flop(shape, one.prefix - one.known, one.known) for one in batch)
    suffixes = sum(language_flop(shape, length, one.prefix) for one in batch for length in one.suffixes)
    answers = sum(len(one.suffixes) for one in batch)
    positions = sum(one.prefix for one in batch)
    return [
        vision(shape, sum(one.tiles for one in batch), value_bytes),
        Phase(prefill, value_bytes * language_weights(shape)),
        Phase(
            suffixes + head_flop(shape, answers),
            value_bytes * (language_weights(shape) + head_weights(shape) + kv_values(shape, positions)),
        ),
    ]


def generating(shape: Shape, tiles: int, prompt: int, answer: int, value_bytes: int) -> list[Phase]:
    """One request whose answer is written token by token: every token reads all weights and all it can see."""
    steps = [
        Phase(
            language_flop(shape, 1, prompt + step) + head_flop(shape, 1),
            value_bytes * (language_weights(shape) + head_weights(shape) + kv_values(shape, prompt + step)),
        )
        for step in range(answer - 1)
    ]
    prefill = Phase(
        language_flop(shape, prompt) + head_flop(shape, 1),
        value_bytes * (language_weights(shape) + head_weights(shape)),
    )
    return [vision(shape, tiles, value_bytes), prefill, *steps]


def vision(shape: Shape, tiles: int, value_bytes: int) -> Phase:
    return Phase(tiles * tile_flop(shape), value_bytes * vision_weights(shape) if tiles else 0)


def tile_flop(shape: Shape) -> int:
    """Patch embedding, layers over the patches and the class token, projector to the language model's width.

    A layer of width d over n tokens: 2·n·4d² for queries, keys, values and output, 4·n²·d for scores and their sum,
    4·n·d·m for the feed-forward block.
    """
    tokens, width = shape.patches + 1, shape.vision_width
    layer = 2 * tokens * 4 * width**2 + 4 * tokens**2 * width + 4 * tokens * width * shape.vision_mlp
    embedding = 2 * shape.patches * 3 * shape.patch_px**2 * width
    projector = 2 * shape.tile_tokens * (4 * width * shape.width + shape.width**2)
    return shape.vision_layers * layer + embedding + projector


def language_flop(shape: Shape, tokens: int, known: int = 0) -> int:
    """`tokens` that each see all `known` ones, themselves and those before them.

    A layer of width d: 2·t weights of the layer, and 4·d for each pair of a token and one that it sees.
    """
    pairs = tokens * known + tokens * (tokens + 1) // 2
    return shape.layers * (2 * tokens * _layer_weights(shape) + 4 * shape.width * pairs)


def head_flop(shape: Shape, rows: int) -> int:
    return 2 * rows * head_weights(shape)


def language_weights(shape: Shape) -> int:
    """Of the layers; the embedding is looked up, not multiplied."""
    return shape.layers * _layer_weights(shape)


def head_weights(shape: Shape) -> int:
    return shape.width * shape.vocabulary


def vision_weights(shape: Shape) -> int:
    width = shape.vision_width
    projector = 4 * width * shape.width + shape.width**2
    return (
        shape.vision_layers * (4 * width**2 + 2 * width * shape.vision_mlp) + 3 * shape.patch_px**2 * width + projector
    )


def kv_values(shape: Shape, positions: int) -> int:
    """Numbers in the keys and values of `positions`."""
    return 2 * shape.layers * shape.kv_width * positions


def _layer_weights(shape: Shape) -> int:
    """Queries and output, keys and values, and the gated feed-forward block with its three matrices."""
    return 2 * shape.width**2 + 2 * shape.width * shape.kv_width + 3 * shape.width * shape.mlp


def vendor_rates(device_name: str) -> Rates | None:
    """By the data sheet, or None for a device that is not listed."""
    return next((Rates(*peak) for part, peak in VENDOR_PEAKS.items() if part in device_name), None)


def measured_rates(device: torch.device, dtype: torch.dtype) -> Rates:
    """The best of several large matrix products and copies."""
    side = 8192 if device.type == "cuda" else 1024
    one, other = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    product = torch.empty_like(one)
    source = torch.ones(2**30 if device.type == "cuda" else 2**26, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    multiply_s, copy_s = [], []
    for _ in range(8):
        multiply_s.append(_timed(device, lambda: torch.mm(one, other, out=product)))
        copy_s.append(_timed(device, lambda: target.copy_(source)))
    # A copy reads and writes every byte.
    return Rates(2 * side**3 / min(multiply_s), 2 * source.numel() / min(copy_s))


def _timed(device: torch.device, work: Callable[[], object]) -> float:
    _wait(device)
    started = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - started


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
