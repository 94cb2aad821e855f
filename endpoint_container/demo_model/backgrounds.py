"""What an item lies on: a cardboard box from inside, a table, a tiled floor, a cloth."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Field = NDArray[np.floating[Any]]  # [height, width]
Pixels = NDArray[np.float32]  # [height, width, 3], 0 to 255
Ground = tuple[tuple[int, int, int], float, Field]  # base colour, contrast, texture
BACKGROUNDS = ("cardboard", "table", "floor", "fabric")


def noise_field(rng: np.random.Generator, size: tuple[int, int], cells: tuple[int, int]) -> Field:
    """Smooth noise of unit spread over (width, height) pixels, with the given number of cells across and down."""
    coarse = rng.standard_normal((cells[1], cells[0]), dtype=np.float32)
    return np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))


def background(name: str, rng: np.random.Generator, size: tuple[int, int]) -> Pixels:
    """One specimen of a ground, (width, height) pixels. The generator is used alike at every size."""
    base, contrast, field = _GROUNDS[name](rng, size)
    tint = np.array(base, np.float32) + rng.uniform(-16, 16) + rng.uniform(-7, 7, 3).astype(np.float32)
    shade = field * contrast + noise_field(rng, size, (5, 5)) * 5
    return np.asarray(tint[None, None] + shade[..., None], np.float32)


def _grid(size: tuple[int, int]) -> tuple[Field, Field]:
    width, height = size
    short = min(size)
    x = (np.arange(width, dtype=np.float32) + 0.5)[None] / short
    return x, (np.arange(height, dtype=np.float32) + 0.5)[:, None] / short


def _cardboard(rng: np.random.Generator, size: tuple[int, int]) -> Ground:
    x, y = _grid(size)
    right, bottom = size[0] / min(size), size[1] / min(size)
    walls = np.zeros((size[1], size[0]), np.float32)
    for distance in (x, y, right - x, bottom - y):
        depth = rng.uniform(0.02, 0.09)
        walls += np.where(distance < depth, rng.uniform(-4, 2.5), 0) - 3 * np.exp(-(((distance - depth) / 0.008) ** 2))
    flutes = np.sin(y * rng.uniform(180, 260)) * 0.35
    seam = -4 * np.exp(-(((x - rng.uniform(0.2, right - 0.2)) / 0.006) ** 2)) * (rng.random() < 0.5)
    return (176, 138, 96), 7.0, walls + flutes + seam + noise_field(rng, size, (90, 60)) * 0.4


def _table(rng: np.random.Generator, size: tuple[int, int]) -> Ground:
    x, y = _grid(size)
    phase, plank = rng.uniform(0, 1), rng.uniform(0.35, 0.7)
    gap = np.abs(((y + 0.02 * np.sin(x * 2)) / plank + phase) % 1 - 0.5) * plank
    grain = noise_field(rng, size, (4, 70)) + 0.5 * noise_field(rng, size, (9, 180))
    base = ((156, 112, 70), (196, 172, 140), (112, 84, 62), (204, 204, 200))[rng.integers(4)]
    return base, 7.0, grain - 5 * np.exp(-((gap / 0.005) ** 2)) + 0 * x


def _floor(rng: np.random.Generator, size: tuple[int, int]) -> Ground:
    x, y = _grid(size)
    tile, slant = rng.uniform(0.4, 0.8), rng.uniform(-0.1, 0.1)
    across, down = x + slant * y + rng.uniform(0, 1), y - slant * x + rng.uniform(0, 1)
    joint = np.minimum(np.abs(across % tile - tile / 2), np.abs(down % tile - tile / 2))
    base = ((170, 170, 166), (140, 146, 152), (194, 184, 170), (112, 110, 108))[rng.integers(4)]
    return base, 6.0, noise_field(rng, size, (120, 90)) * 0.6 - 5 * np.exp(-((joint / 0.008) ** 2))


def _fabric(rng: np.random.Generator, size: tuple[int, int]) -> Ground:
    x, y = _grid(size)
    turn, pitch = rng.uniform(0, np.pi), rng.uniform(8, 16)
    folds = np.sin((x * np.cos(turn) + y * np.sin(turn)) * pitch + noise_field(rng, size, (4, 4)) * 1.2)
    weave = np.sin(x * 300) * np.sin(y * 300) * 0.4
    base = ((150, 156, 164), (96, 104, 120), (196, 190, 180), (128, 118, 112), (150, 130, 140))[rng.integers(5)]
    return base, 8.0, folds * 0.8 + weave + noise_field(rng, size, (150, 110)) * 0.4


_GROUNDS = {"cardboard": _cardboard, "table": _table, "floor": _floor, "fabric": _fabric}
