"""The benchmarks' photos: fresh ones are fresh to whatever a cache goes by."""

from hashlib import sha256
from io import BytesIO

from PIL import Image

from benchmarks.random_internvl import PHOTO_SETS, inspections


def taken(repeated: bool) -> list[bytes]:
    """Digests of the pixels of the first inspections' photos."""
    stream = inspections(2, repeated, (64, 48))
    photos = [photo for _ in range(3 * PHOTO_SETS) for photo in next(stream).photos]
    return [sha256(Image.open(BytesIO(photo.data)).tobytes()).digest() for photo in photos]


def test_fresh_photos_have_other_pixels():
    pixels = taken(repeated=False)
    assert len(set(pixels)) == len(pixels)


def test_repeated_photos_come_again():
    assert len(set(taken(repeated=True))) == 2 * PHOTO_SETS
