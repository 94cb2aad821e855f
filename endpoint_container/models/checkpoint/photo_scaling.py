"""From a decoded photo to a model's pixels, by the checkpoint's preprocessor_config.json.

Gives the numbers of transformers' own PIL image processors without going through float64 arrays.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from models.artifact import read_json_object
from models.errors import EndpointError, LoadError
from models.photo import Photo

# CLIP's own, which transformers takes where the file is silent.
DEFAULT_MEAN = (0.48145466, 0.4578275, 0.40821073)
DEFAULT_STD = (0.26862954, 0.26130258, 0.27577711)
# A strip of 60,000 x 1 pixels, its shortest side scaled up to 224, would fill the memory.
MAX_RESIZED_PIXELS = 16_000_000
STEPS = ("do_resize", "do_rescale", "do_normalize")


@dataclass(frozen=True)
class PhotoScaling:
    """Resize, crop and normalise.

    `shortest_px` keeps the aspect ratio; without it a photo is stretched to `width_px` x `height_px`, which are
    also the sides of the centre crop, and so of what the model sees.
    """

    width_px: int
    height_px: int
    shortest_px: int | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    rescale: float
    resample: Image.Resampling

    def pixels(self, photo: Photo) -> torch.Tensor:
        """uint8 [3, height, width] of a photo, upright. Raises `truncated_image` or `too_many_pixels`."""
        size = self._resized(photo.width, photo.height)
        if size[0] * size[1] > MAX_RESIZED_PIXELS:
            raise EndpointError("too_many_pixels", f"{size[0]} x {size[1]} once it is scaled.", photo.field)
        # Decoded at full size: a JPEG read reduced gives other numbers than those that others computed for it.
        image = photo.decode((photo.width, photo.height))
        resized = image.resize(size, self.resample)
        left, top = (resized.width - self.width_px) // 2, (resized.height - self.height_px) // 2
        crop = resized.crop((left, top, left + self.width_px, top + self.height_px))
        return torch.from_numpy(np.array(crop)).permute(2, 0, 1)

    def normalise(self, pixels: torch.Tensor, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
        """uint8 [photos, 3, height, width] to the same shape of `dtype` on `device`, mean 0 and deviation 1."""
        mean = torch.tensor(self.mean, device=device).view(1, -1, 1, 1)
        std = torch.tensor(self.std, device=device).view(1, -1, 1, 1)
        return ((pixels.to(device).float() * self.rescale - mean) / std).to(dtype)

    def _resized(self, width: int, height: int) -> tuple[int, int]:
        if self.shortest_px is None:
            return self.width_px, self.height_px
        longest_px = int(self.shortest_px * max(width, height) / min(width, height))
        return (self.shortest_px, longest_px) if width <= height else (longest_px, self.shortest_px)


def read_photo_scaling(model_dir: Path, square: bool, image_px: int) -> PhotoScaling:
    """Read the checkpoint's image settings and check that they give the `image_px` squares that its model takes.

    `square` says what a `size` of one number means to the family: a square, or the shortest side. Raises LoadError.
    """
    name = "preprocessor_config.json"
    if (model_dir / name).exists():
        config = read_json_object(model_dir / name)
    else:
        # transformers 5 nests them here.
        name = "processor_config.json"
        config = read_json_object(model_dir / name).get("image_processor") or {}
    try:
        scaling = _parse(config, square)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise LoadError(f"{name}: cannot be used ({type(error).__name__}: {error})") from error
    if (scaling.width_px, scaling.height_px) != (image_px, image_px):
        made = f"{scaling.width_px} x {scaling.height_px}"
        raise LoadError(f"{name}: makes photos of {made} px, the model takes {image_px} x {image_px}")
    return scaling


def _parse(config: Mapping[str, Any], square: bool) -> PhotoScaling:
    if off := [step for step in STEPS if config.get(step) is False]:
        raise ValueError(f"{off[0]} must not be false")
    size = _sides(config["size"], square)
    shortest_px = int(size["shortest_edge"]) if "shortest_edge" in size else None
    cropped = config.get("do_center_crop", shortest_px is not None)
    seen = _sides(config["crop_size"], square=True) if cropped else size
    width_px, height_px = int(seen["width"]), int(seen["height"])
    if min(width_px, height_px) < 1 or max(width_px, height_px) > (shortest_px or max(width_px, height_px)):
        raise ValueError("the crop is larger than the resized photo")
    if shortest_px is None and cropped and (width_px, height_px) != (int(size["width"]), int(size["height"])):
        raise ValueError("a crop needs a size with shortest_edge")
    return PhotoScaling(
        width_px=width_px,
        height_px=height_px,
        shortest_px=shortest_px,
        mean=tuple(float(value) for value in config.get("image_mean") or DEFAULT_MEAN),
        std=tuple(float(value) for value in config.get("image_std") or DEFAULT_STD),
        rescale=float(config.get("rescale_factor") or 1 / 255),
        resample=Image.Resampling(config.get("resample", Image.Resampling.BICUBIC)),
    )


def _sides(size: int | Mapping[str, Any], square: bool) -> Mapping[str, Any]:
    """Older checkpoints give a size as one number."""
    if isinstance(size, int):
        return {"height": size, "width": size} if square else {"shortest_edge": size}
    return {side: length for side, length in size.items() if length is not None}
