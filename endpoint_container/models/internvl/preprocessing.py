"""How this checkpoint wants its pixels, read from its preprocessor_config.json."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from models.artifact import read_json_object
from models.errors import LoadError
from models.internvl.tiling import choose_grid, cut_tiles
from models.photo import Photo

# What transformers' GotOcr2ImageProcessor takes where the file is silent.
DEFAULT_MEAN = (0.48145466, 0.4578275, 0.40821073)
DEFAULT_STD = (0.26862954, 0.26130258, 0.27577711)
DEFAULT_MAX_PATCHES = 12


@dataclass(frozen=True)
class Preprocessing:
    """`tile_px` is a tile's side; `max_tiles` the grid's limit where a request sets none (1: never cut a photo)."""

    tile_px: int
    max_tiles: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    rescale: float
    resample: Image.Resampling

    def tiles(self, photo: Photo, image: Image.Image, max_tiles: int | None) -> torch.Tensor:
        """uint8 [tiles, 3, tile_px, tile_px] of a decoded photo."""
        return cut_tiles(image, self.grid(photo, max_tiles), self.tile_px, self.resample)

    def grid(self, photo: Photo, max_tiles: int | None) -> tuple[int, int]:
        """(columns, rows) for a photo, by its full size."""
        return choose_grid(photo.width, photo.height, max_tiles or self.max_tiles, self.tile_px)

    def normalise(self, tiles: torch.Tensor, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
        """uint8 [tiles, 3, side, side] to the same shape of `dtype` on `device`, mean 0 and deviation 1."""
        factor, offset = _factor_and_offset(self, device)
        return torch.addcmul(offset, tiles.to(device).float(), factor).to(dtype)


@lru_cache(maxsize=16)
def _factor_and_offset(preprocessing: Preprocessing, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """What turns a byte into the model's number, a channel each; moved to the device once, for a move waits for it."""
    mean, std = torch.tensor(preprocessing.mean), torch.tensor(preprocessing.std)
    factor, offset = preprocessing.rescale / std, -mean / std
    return factor.view(1, -1, 1, 1).to(device), offset.view(1, -1, 1, 1).to(device)


def read_preprocessing(model_dir: Path) -> Preprocessing:
    """Read the checkpoint's image settings; transformers 5 nests them in processor_config.json."""
    if (model_dir / "preprocessor_config.json").exists():
        return _parse("preprocessor_config.json", read_json_object(model_dir / "preprocessor_config.json"))
    config = read_json_object(model_dir / "processor_config.json")
    if not isinstance(config.get("image_processor"), dict):
        raise LoadError("processor_config.json: has no image_processor, and there is no preprocessor_config.json")
    return _parse("processor_config.json", config["image_processor"])


def _parse(name: str, config: dict[str, Any]) -> Preprocessing:
    size = config.get("size")
    if not isinstance(size, dict) or not size.get("height") or size.get("height") != size.get("width"):
        raise LoadError(f"{name}: 'size' must give an equal height and width")
    try:
        return Preprocessing(
            tile_px=int(size["height"]),
            max_tiles=int(config.get("max_patches") or DEFAULT_MAX_PATCHES) if config.get("crop_to_patches") else 1,
            mean=tuple(float(value) for value in config.get("image_mean") or DEFAULT_MEAN),
            std=tuple(float(value) for value in config.get("image_std") or DEFAULT_STD),
            rescale=float(config.get("rescale_factor") or 1 / 255),
            resample=Image.Resampling(config.get("resample", Image.Resampling.BICUBIC)),
        )
    except (TypeError, ValueError) as error:
        raise LoadError(f"{name}: {error}") from error
