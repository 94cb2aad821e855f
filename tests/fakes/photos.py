"""Photos: drawn, encoded, spoilt."""

import base64
import io
import struct
import zlib
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from pillow_heif import register_heif_opener

SUFFIX = b"<script>alert(1)</script>PK\x03\x04"
GPS_LATITUDE = b"GPS-CANARY"


@cache
def scene(seed: int = 0, width: int = 800, height: int = 600) -> Image.Image:
    """A usable photo: boxes of many sizes on a mid-grey ground, another arrangement for each seed."""
    random = np.random.default_rng(seed)
    image = Image.new("RGB", (width, height), (120, 118, 115))
    draw = ImageDraw.Draw(image)
    for _ in range(40):
        left, top = random.integers(0, width), random.integers(0, height)
        right, bottom = left + random.integers(8, width // 3), top + random.integers(8, height // 3)
        red, green, blue = (int(value) for value in random.integers(30, 225, 3))
        draw.rectangle((int(left), int(top), int(right), int(bottom)), fill=(red, green, blue))
    return image


def encode(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    """`kind` is JPEG, PNG, WEBP or HEIF."""
    if kind == "HEIF":
        register_heif_opener(thumbnails=False)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@cache
def photo(seed: int = 0, kind: str = "JPEG") -> bytes:
    """One encoded scene."""
    return encode(scene(seed), kind)


def base64_photo(seed: int = 0, kind: str = "JPEG") -> str:
    return base64.b64encode(photo(seed, kind)).decode()


def with_exif(image: Image.Image, orientation: int) -> bytes:
    """A JPEG that carries an orientation and a position."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "CANARY-MAKER"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[29] = GPS_LATITUDE.decode()
    return encode(image, quality=95, exif=exif)


@cache
def bomb() -> bytes:
    """A PNG of a few hundred kB that unpacks to 177 million pixels."""
    width, height = 14_000, 12_650

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    line = bytes(1 + width * 3)
    packed = b"".join(packer.compress(line) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
