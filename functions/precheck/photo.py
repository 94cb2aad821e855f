"""Decoding a photo twice, each time no larger than needed: small and grey to judge it, upright and in colour to send.

A JPEG's decoder can scale by 1/2, 1/4 or 1/8 inside the DCT, so a 12-megapixel photo is never unpacked whole; what
remains is its entropy decoding.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from core.photo_header import MAX_PIXELS, allow_heic
from precheck import metrics

ANALYSED_LONG_SIDE_PX = 1000
PREPARED_QUALITY = 85

Image.MAX_IMAGE_PIXELS = MAX_PIXELS
Gray = NDArray[np.uint8]


class DamagedPhoto(Exception):
    """The header was fine, the rest can't be decoded."""


@dataclass(frozen=True)
class Analysis:
    """What one photo measures. Width and height are the upright photo's, in pixels; the rest is of its luma, reduced to
    a long side of 1000 px (a smaller photo stays as it is)."""

    width: int
    height: int
    sharpness: float
    brightness: float
    clipped_fraction: float
    contrast: float
    tilt_degrees: float
    fingerprint: int


def analyse(data: bytes, media_type: str) -> Analysis:
    """All measurements from one reduced decode. Raises DamagedPhoto."""
    with _opened(data, media_type) as image:
        size = image.size
        _draft(image, "L", ANALYSED_LONG_SIDE_PX)
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
    )


def prepare(data: bytes, media_type: str, long_side_px: int) -> bytes:
    """A JPEG: upright, at most `long_side_px` long, re-encoded from pixels alone, so nothing of the file's metadata or
    appended bytes is left. Raises DamagedPhoto."""
    with _opened(data, media_type) as image:
        _draft(image, "RGB", long_side_px)
        upright = ImageOps.exif_transpose(image).convert("RGB")
    upright.thumbnail((long_side_px, long_side_px), Image.Resampling.BICUBIC)
    clean = Image.frombytes("RGB", upright.size, upright.tobytes())  # leaves the file's info dictionary behind
    buffer = io.BytesIO()
    clean.save(buffer, "JPEG", quality=PREPARED_QUALITY)
    return buffer.getvalue()


def _draft(image: Image.Image, mode: str, long_side_px: int) -> None:
    """Ask the JPEG decoder for the smallest scale that keeps the long side; it takes minimums side by side, so a square
    box would keep the short side and decode twice the size."""
    scale = min(1.0, long_side_px / max(image.size))
    image.draft(mode, (max(1, int(image.width * scale)), max(1, int(image.height * scale))))


@contextmanager
def _opened(data: bytes, media_type: str) -> Iterator[Image.Image]:
    if media_type == "image/heic":
        allow_heic()
    try:
        with Image.open(io.BytesIO(data)) as image:
            yield image
    except (OSError, EOFError, RuntimeError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DamagedPhoto(type(error).__name__) from error
