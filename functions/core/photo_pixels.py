"""Opening a photo's pixels safely, and making the clean copy of it that a model is shown.

A JPEG's decoder can scale by 1/2, 1/4 or 1/8 inside the DCT, so a 12-megapixel photo is never unpacked whole; what
remains is its entropy decoding.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, ImageOps

from core.photo_header import MAX_PIXELS, allow_heic

PREPARED_QUALITY = 85

Image.MAX_IMAGE_PIXELS = MAX_PIXELS


class DamagedPhoto(Exception):
    """The header was fine, the rest can't be decoded."""


def prepare(data: bytes, media_type: str, long_side_px: int) -> bytes:
    """A JPEG: upright, at most `long_side_px` long, re-encoded from pixels alone, so nothing of the file's metadata or
    appended bytes is left. Raises DamagedPhoto."""
    with opened(data, media_type) as image:
        draft(image, "RGB", long_side_px)
        upright = ImageOps.exif_transpose(image).convert("RGB")
    upright.thumbnail((long_side_px, long_side_px), Image.Resampling.BICUBIC)
    clean = Image.frombytes("RGB", upright.size, upright.tobytes())  # leaves the file's info dictionary behind
    buffer = io.BytesIO()
    clean.save(buffer, "JPEG", quality=PREPARED_QUALITY)
    return buffer.getvalue()


def draft(image: Image.Image, mode: str, long_side_px: int) -> None:
    """Ask the JPEG decoder for the smallest scale that keeps the long side; it takes minimums side by side, so a square
    box would keep the short side and decode twice the size."""
    scale = min(1.0, long_side_px / max(image.size))
    image.draft(mode, (max(1, int(image.width * scale)), max(1, int(image.height * scale))))


@contextmanager
def opened(data: bytes, media_type: str) -> Iterator[Image.Image]:
    """The photo, header read; what fails in here is a photo that is damaged. Raises DamagedPhoto."""
    if media_type == "image/heic":
        allow_heic()
    try:
        with Image.open(io.BytesIO(data)) as image:
            yield image
    except (OSError, EOFError, RuntimeError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DamagedPhoto(type(error).__name__) from error
