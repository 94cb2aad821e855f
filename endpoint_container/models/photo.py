"""A photo from bytes that nobody vouches for: the header is judged before a single pixel is decoded."""

import struct
import zlib
from dataclasses import dataclass
from io import BytesIO

from PIL import Image

from models.errors import EndpointError

FORMATS = ("JPEG", "PNG", "WEBP")
ORIENTATION_TAG = 0x0112
# EXIF orientation (TIFF 6.0, tag 274): what turns the stored pixels upright; from 5 on, width and height swap.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# A JPEG decoded at a fraction of its size is resampled once more; at twice the wanted size no difference is seen.
DRAFT_MARGIN = 2
# What Pillow's decoders raise on damaged files: it wraps only some of them in OSError.
DECODER_ERRORS = (OSError, SyntaxError, ValueError, TypeError, EOFError, LookupError, struct.error, zlib.error)


@dataclass(frozen=True)
class Photo:
    """An encoded photo whose header was read: `width` and `height` in pixels, once it is turned upright."""

    id: str
    data: bytes
    width: int
    height: int
    orientation: int
    field: str

    def decode(self, at_least: tuple[int, int]) -> Image.Image:
        """RGB pixels, upright. A JPEG may come back reduced, but not below twice `at_least` (width, height).

        Raises `truncated_image` if the bytes after the header are cut off or damaged.
        """
        wanted = at_least if self.orientation < 5 else at_least[::-1]
        try:
            image = Image.open(BytesIO(self.data), formats=FORMATS)
            image.draft("RGB", (wanted[0] * DRAFT_MARGIN, wanted[1] * DRAFT_MARGIN))
            pixels = image.convert("RGB")
        except DECODER_ERRORS as error:
            raise EndpointError("truncated_image", "The photo cannot be decoded to its end.", self.field) from error
        return pixels.transpose(UPRIGHT[self.orientation]) if self.orientation in UPRIGHT else pixels


def read_header(photo_id: str, data: bytes, max_pixels: int, field: str) -> Photo:
    """Identify an encoded photo and cap its pixels; nothing is decoded.

    Raises `not_an_image` or `too_many_pixels`.
    """
    try:
        image = Image.open(BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise EndpointError("too_many_pixels", f"At most {max_pixels} pixels a photo.", field) from error
    except DECODER_ERRORS as error:
        raise EndpointError("not_an_image", "Accepted are JPEG, PNG and WebP.", field) from error
    width, height = image.size
    if width * height > max_pixels:
        raise EndpointError("too_many_pixels", f"{width} x {height}; at most {max_pixels} pixels a photo.", field)
    orientation = _orientation(image)
    return Photo(photo_id, data, *((width, height) if orientation < 5 else (height, width)), orientation, field)


def _orientation(image: Image.Image) -> int:
    # Pillow decodes a PNG to its end to look for a late EXIF chunk; and broken EXIF is no reason to refuse a photo.
    if image.format == "PNG" and "exif" not in image.info:
        return 1
    try:
        orientation = image.getexif().get(ORIENTATION_TAG, 1)
    except DECODER_ERRORS:
        return 1
    return orientation if orientation in UPRIGHT else 1
