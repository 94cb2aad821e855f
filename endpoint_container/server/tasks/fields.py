"""Fields that several tasks have: photos, texts, ids. Each error names the field."""

import base64
import binascii
from collections.abc import Iterable

from models.errors import EndpointError
from models.photo import Photo, read_header
from server.settings import Settings


def read_photo(photo_id: str, encoded: str, field: str, settings: Settings) -> Photo:
    """A photo from base64, within the settings' limits; only its header is read."""
    # 4 characters carry 3 bytes: too long a text need not be decoded to know that it is too long.
    if len(encoded) > (settings.max_photo_bytes + 2) // 3 * 4:
        raise EndpointError("photo_too_large", f"At most {settings.max_photo_bytes} bytes a photo.", field)
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise EndpointError("not_base64", "Send standard base64 without line breaks.", field) from error
    if len(data) > settings.max_photo_bytes:
        raise EndpointError("photo_too_large", f"At most {settings.max_photo_bytes} bytes a photo.", field)
    return read_header(photo_id, data, settings.max_pixels, field)


def check_text(text: str, field: str, settings: Settings) -> None:
    """Raise `empty_text` or `text_too_long`."""
    if not text.strip():
        raise EndpointError("empty_text", "Send some text.", field)
    if len(text) > settings.max_text_chars:
        raise EndpointError("text_too_long", f"At most {settings.max_text_chars} characters.", field)


def refuse_twins(code: str, values: Iterable[str], field: str) -> None:
    """Raise `code` if a value comes twice."""
    seen: set[str] = set()
    for number, value in enumerate(values):
        if value in seen:
            raise EndpointError(code, f"Entry {number} repeats an earlier one.", field)
        seen.add(value)
