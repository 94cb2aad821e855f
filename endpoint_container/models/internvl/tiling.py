"""InternVL's dynamic tiling without torchvision: a photo becomes a grid of square tiles and one thumbnail.

The grid rule is that of InternVL 1.5 (arXiv:2404.16821, section 3.2), as in transformers' GotOcr2ImageProcessor.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

Grid = tuple[int, int]


@lru_cache(maxsize=64)
def allowed_grids(max_tiles: int) -> tuple[Grid, ...]:
    """All (columns, rows) of at most `max_tiles` tiles, fewest tiles first."""
    sides = range(1, max_tiles + 1)
    grids = [(columns, rows) for columns in sides for rows in sides if columns * rows <= max_tiles]
    return tuple(sorted(grids, key=lambda grid: grid[0] * grid[1]))


def choose_grid(width: int, height: int, max_tiles: int, tile_px: int) -> Grid:
    """The (columns, rows) nearest to the photo's aspect ratio.

    Of equally near grids the larger one is taken while its tiles cover less than twice the photo's area.
    """
    best, best_difference = (1, 1), float("inf")
    for columns, rows in allowed_grids(max_tiles):
        difference = abs(width / height - columns / rows)
        worth_it = width * height > 0.5 * tile_px * tile_px * columns * rows
        if difference < best_difference or (difference == best_difference and worth_it):
            best, best_difference = (columns, rows), difference
    return best


def cut_tiles(image: Image.Image, grid: Grid, tile_px: int, resample: Image.Resampling) -> torch.Tensor:
    """Tiles of an RGB image row by row, then a thumbnail of all of it unless there is only one tile.

    Returns uint8 [tiles, 3, tile_px, tile_px]: a quarter of the bytes to move, normalised where they arrive.
    """
    columns, rows = grid
    tiles = _pixels(image, columns * tile_px, rows * tile_px, resample)
    tiles = tiles.reshape(rows, tile_px, columns, tile_px, 3).transpose(0, 2, 4, 1, 3)
    tiles = tiles.reshape(rows * columns, 3, tile_px, tile_px)
    if rows * columns > 1:
        tiles = np.concatenate([tiles, _pixels(image, tile_px, tile_px, resample).transpose(2, 0, 1)[None]])
    # Moved by numpy: torch would give every decoding thread a thread pool of its own, as wide as the model's.
    return torch.from_numpy(np.ascontiguousarray(tiles))


def tile_count(grid: Grid) -> int:
    """How many tiles `cut_tiles` makes of a grid, the thumbnail included."""
    tiles = grid[0] * grid[1]
    return tiles if tiles == 1 else tiles + 1


def _pixels(image: Image.Image, width: int, height: int, resample: Image.Resampling) -> npt.NDArray[np.uint8]:
    """uint8 [height, width, 3]."""
    return np.array(image.resize((width, height), resample))
