"""What one photo measures, from one decode that is no larger than needed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from core.photo_pixels import draft, opened
from precheck import metrics
from precheck.appearance import thumbnail_of

ANALYSED_LONG_SIDE_PX = 1000

Gray = NDArray[np.uint8]


@dataclass(frozen=True)
class Analysis:
    """What one photo measures. Width and height are the upright photo's, in pixels; the rest is of its luma, reduced to
    a long side of 1000 px (a smaller photo stays as it is). `fingerprint` tells duplicates within the inspection,
    `thumbnail` the same picture among others (appearance.py)."""

    width: int
    height: int
    sharpness: float
    brightness: float
    clipped_fraction: float
    contrast: float
    tilt_degrees: float
    fingerprint: int
    thumbnail: bytes


def analyse(data: bytes, media_type: str) -> Analysis:
    """All measurements from one reduced decode. Raises DamagedPhoto."""
    with opened(data, media_type) as image:
        size = image.size
        draft(image, "L", ANALYSED_LONG_SIDE_PX)
        upright = ImageOps.exif_transpose(image)
        gray = upright.convert("L")
        if (upright.width > upright.height) != (size[0] > size[1]):
            size = size[1], size[0]
    gray.thumbnail((ANALYSED_LONG_SIDE_PX, ANALYSED_LONG_SIDE_PX), Image.Resampling.BOX)
    luma: Gray = np.asarray(gray)
    histogram = metrics.luma_histogram(luma)
    return Analysis(
        width=size[0],
        height=size[1],
        sharpness=metrics.sharpness(luma),
        brightness=metrics.brightness(histogram),
        clipped_fraction=metrics.clipped_fraction(histogram),
        contrast=metrics.contrast(histogram),
        tilt_degrees=metrics.tilt_degrees(gray),
        fingerprint=metrics.fingerprint(gray),
        thumbnail=thumbnail_of(gray),
    )
