"""Pixels against transformers' own PIL processors, and image settings that cannot be used."""

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from transformers import BlipImageProcessorPil, CLIPImageProcessorPil

from models.checkpoint.photo_scaling import PhotoScaling, read_photo_scaling
from models.errors import EndpointError, LoadError
from models.photo import Photo, read_header

SIDE = 32
CROPPED: dict[str, Any] = {"size": {"shortest_edge": SIDE}, "crop_size": {"height": SIDE, "width": SIDE}}
STRETCHED: dict[str, Any] = {"size": {"height": SIDE, "width": SIDE}}
OTHER_NUMBERS = {"image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.3, 0.25], "resample": 2}
SIZES = ((64, 48), (48, 64), (32, 32), (33, 32), (7, 5), (501, 37), (1200, 900))


def write(model_dir: Path, settings: dict[str, Any]) -> Path:
    (model_dir / "preprocessor_config.json").write_text(json.dumps(settings))
    return model_dir


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
@pytest.mark.parametrize("numbers", [{}, OTHER_NUMBERS])
@pytest.mark.parametrize(
    ("processor_class", "settings"), [(CLIPImageProcessorPil, CROPPED), (BlipImageProcessorPil, STRETCHED)]
)
def test_pixels_are_what_transformers_makes_of_them(
    tmp_path: Path, photo: Callable[..., Photo], processor_class: Any, settings: Any, numbers: Any, format: str
) -> None:
    processor = processor_class(**settings, **numbers)
    processor.save_pretrained(tmp_path)
    scaling = read_photo_scaling(tmp_path, square=False, image_px=SIDE)
    for size in SIZES:
        source = photo(size=size, format=format)
        expected = processor(Image.open(BytesIO(source.data)), return_tensors="pt").pixel_values
        torch.testing.assert_close(normalised(scaling, source), expected, rtol=0, atol=1e-5)


def test_a_size_of_one_number_means_what_it_means_to_the_family(tmp_path: Path) -> None:
    write(tmp_path, {"size": SIDE, "crop_size": SIDE})
    assert read_photo_scaling(tmp_path, square=False, image_px=SIDE).shortest_px == SIDE
    assert read_photo_scaling(tmp_path, square=True, image_px=SIDE).shortest_px is None


def test_image_settings_may_lie_in_the_processors_file(tmp_path: Path) -> None:
    (tmp_path / "processor_config.json").write_text(json.dumps({"image_processor": CROPPED}))
    expected = read_photo_scaling(write(tmp_path, CROPPED), square=False, image_px=SIDE)
    (tmp_path / "preprocessor_config.json").unlink()
    assert read_photo_scaling(tmp_path, square=False, image_px=SIDE) == expected


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({}, "size"),
        ({"size": "large"}, "AttributeError"),
        ({**CROPPED, "do_normalize": False}, "do_normalize"),
        ({**CROPPED, "crop_size": {"height": 40, "width": 40}}, "larger"),
        ({**CROPPED, "do_center_crop": False}, "width"),
        ({"size": {"height": 40, "width": 40}}, "40 x 40 px, the model takes 32 x 32"),
        ({**STRETCHED, "do_center_crop": True, "crop_size": 16}, "shortest_edge"),
        ({**CROPPED, "image_std": ["a"]}, "ValueError"),
        ({**CROPPED, "resample": 99}, "ValueError"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(tmp_path: Path, settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(LoadError, match=reason):
        read_photo_scaling(write(tmp_path, settings), square=False, image_px=SIDE)


def test_a_strip_is_refused_before_it_fills_the_memory(tmp_path: Path, encoded_photo: Callable[..., bytes]) -> None:
    scaling = read_photo_scaling(write(tmp_path, CROPPED), square=False, image_px=SIDE)
    strip = read_header("strip", encoded_photo(size=(20_000, 1)), 10**6, "inputs[0].photo")
    with pytest.raises(EndpointError, match="too_many_pixels") as raised:
        scaling.pixels(strip)
    assert raised.value.field == "inputs[0].photo"


def normalised(scaling: PhotoScaling, photo: Photo) -> torch.Tensor:
    return scaling.normalise(scaling.pixels(photo)[None], torch.device("cpu"), torch.float32)
