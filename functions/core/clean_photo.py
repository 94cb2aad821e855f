"""A client's inline photo as a model may see it: its pixels, and nothing else of its file."""

import base64

from core.contract import InlinePhoto
from core.errors import InvalidPhoto
from core.inline_photo import decode
from core.photo_pixels import DamagedPhoto, prepare


def clean_photo(photo: InlinePhoto, index: int, field: str, long_side_px: int) -> str:
    """Upright, at most `long_side_px` long, re-encoded from its pixels alone, in base64.

    Raises InvalidPhoto, PhotoTooLarge, with `field`.
    """
    decoded = decode(photo.data, index, photo.name, field)
    try:
        return base64.b64encode(prepare(decoded.data, decoded.media_type, long_side_px)).decode()
    except DamagedPhoto as error:
        raise InvalidPhoto("The photo can't be decoded.", field=field) from error
