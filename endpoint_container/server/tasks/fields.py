"""Fields that several tasks have: photos, texts, ids. Each error names the field."""

import base64
import binascii
from collections.abc import Iterable

from models.errors import EndpointError
from models.photo import Photo, read_header
from server.settings import Settings
from server.tasks.schema import ItemBody, PhotoBody


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


def read_photos(bodies: list[PhotoBody], settings: Settings) -> tuple[Photo, ...]:
    """The photos of a request, at least one; only their headers are read."""
    if not bodies:
        raise EndpointError("no_photos", "Send at least one photo.", "photos")
    if len(bodies) > settings.max_photos:
        raise EndpointError("too_many_photos", f"At most {settings.max_photos} photos.", "photos")
    refuse_twins("duplicate_id", (body.id for body in bodies), "photos")
    return tuple(
        read_photo(body.id, body.data, f"photos[{number}].data", settings) for number, body in enumerate(bodies)
    )


def read_item(body: ItemBody, settings: Settings) -> dict[str, object]:
    """What the model is told of the item; the sku is the caller's own reference and says nothing about looks."""
    check_text(body.description, "item.description", settings)
    attributes = body.attributes or {}
    length = sum(len(name) + len(str(value)) for name, value in attributes.items())
    if length > settings.max_text_chars:
        raise EndpointError("text_too_long", f"At most {settings.max_text_chars} characters.", "item.attributes")
    return {"description": body.description, "attributes": attributes}


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
