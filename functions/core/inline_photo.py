"""A photo that came inside the request body."""

import base64
import binascii

from core.decoded_photo import DecodedPhoto, examined
from core.errors import InvalidPhoto


def decode(text: str, index: int, name: str | None = None, field: str | None = None) -> DecodedPhoto:
    """From standard base64.

    Raises InvalidPhoto or PhotoTooLarge, with the field that holds the photo (by default `photos[index].data`).
    """
    field = field or f"photos[{index}].data"
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidPhoto("The photo is not valid base64.", field=field) from error
    return examined(data, index, name, field)
