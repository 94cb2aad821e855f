"""Tiling against transformers' own processor, and the properties that a grid must have."""

import math
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from transformers import GotOcr2ImageProcessorPil
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import get_optimal_tiled_canvas

from models.internvl.preprocessing import Preprocessing
from models.internvl.tiling import allowed_grids, choose_grid, cut_tiles, tile_count
from models.photo import Photo, read_header

MEAN, STD, TILE_PX = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 56
sides = st.integers(1, 6000)
limits = st.integers(1, 16)


@given(sides, sides, limits, st.sampled_from([28, 224, 448]))
def test_the_grid_is_the_reference_processors(width: int, height: int, max_tiles: int, tile_px: int) -> None:
    reference = get_optimal_tiled_canvas((height, width), (tile_px, tile_px), 1, max_tiles)
    assert choose_grid(width, height, max_tiles, tile_px) == reference


@given(sides, sides, limits)
def test_no_other_grid_is_nearer_to_the_photo(width: int, height: int, max_tiles: int) -> None:
    columns, rows = choose_grid(width, height, max_tiles, 448)
    assert 1 <= columns * rows <= max_tiles
    nearest = min(abs(width / height - other[0] / other[1]) for other in allowed_grids(max_tiles))
    assert abs(width / height - columns / rows) == nearest


@given(sides, limits)
def test_a_square_photo_gets_a_square_grid(side: int, max_tiles: int) -> None:
    columns, rows = choose_grid(side, side, max_tiles, 448)
    assert columns == rows <= math.isqrt(max_tiles)


@pytest.mark.parametrize("grid", [(1, 1), (3, 2), (1, 4)])
def test_tiles_are_cut_row_by_row(grid: tuple[int, int]) -> None:
    columns, rows = grid
    pixels = np.zeros((rows * 8, columns * 8, 3), dtype=np.uint8)
    for number in range(rows * columns):
        row, column = divmod(number, columns)
        pixels[row * 8 : row * 8 + 8, column * 8 : column * 8 + 8] = (number, 50 + number, 100 + number)

    tiles = cut_tiles(Image.fromarray(pixels), grid, 8, Image.Resampling.BICUBIC)

    assert tiles.shape == (tile_count(grid), 3, 8, 8)
    for number in range(rows * columns):
        expected = torch.tensor([number, 50 + number, 100 + number], dtype=torch.uint8).view(3, 1, 1)
        assert torch.equal(tiles[number], expected.expand(3, 8, 8))


@pytest.mark.parametrize("size", [(60, 60), (400, 300), (300, 400), (1000, 120), (57, 56)])
@pytest.mark.parametrize("max_tiles", [1, 4, 12])
def test_pixels_are_the_reference_processors(
    photo: Callable[..., Photo], size: tuple[int, int], max_tiles: int
) -> None:
    one = photo(size=size)
    preprocessing = Preprocessing(TILE_PX, 1, MEAN, STD, 1 / 255, Image.Resampling.BICUBIC)

    tiles = preprocessing.tiles(one, one.decode((TILE_PX, TILE_PX)), max_tiles)

    expected = reference(Image.open(BytesIO(one.data)), max_tiles)
    assert tiles.dtype == torch.uint8
    normalised = preprocessing.normalise(tiles, torch.device("cpu"), torch.float32)
    assert normalised.shape == expected.shape
    assert (normalised - expected).abs().max() < 1e-5


def test_a_large_jpeg_decoded_reduced_looks_the_same() -> None:
    """Decoded at half its size, a photo's tile differs by less than one of 255 steps on average."""
    gradient = np.linspace(0, 255, 2048, dtype=np.float32)
    waves = 127 + 60 * np.sin(np.arange(2048) / 23)
    pixels = np.stack([np.tile(gradient, (1536, 1)), np.tile(waves, (1536, 1)), np.tile(gradient[::-1], (1536, 1))], -1)
    file = BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "JPEG", quality=90)
    one = read_header("large", file.getvalue(), 10**8, "photos[0].data")
    preprocessing = Preprocessing(224, 1, MEAN, STD, 1 / 255, Image.Resampling.BICUBIC)

    image = one.decode((224, 224))
    tiles = preprocessing.tiles(one, image, None)

    assert image.size == (1024, 768)
    whole = cut_tiles(Image.open(file).convert("RGB"), (1, 1), 224, Image.Resampling.BICUBIC)
    assert (tiles.float() - whole.float()).abs().mean() < 1.0


def reference(image: Image.Image, max_tiles: int) -> torch.Tensor:
    """float32 [tiles, 3, TILE_PX, TILE_PX] as transformers makes them."""
    processor = GotOcr2ImageProcessorPil(
        size={"height": TILE_PX, "width": TILE_PX},
        image_mean=list(MEAN),
        image_std=list(STD),
        crop_to_patches=max_tiles > 1,
        max_patches=max_tiles,
    )
    pixels: torch.Tensor = processor(images=[image], return_tensors="pt")["pixel_values"]
    return pixels.float()
