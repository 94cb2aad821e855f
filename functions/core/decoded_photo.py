"""A client's photo as bytes, looked at from outside, wherever it came from."""

import hashlib
from dataclasses import dataclass
from typing import Any

from core.errors import InvalidPhoto, PhotoTooLarge
from core.photo_header import PhotoHeader, TooManyPixels, UnreadablePhoto, read_header


@dataclass(frozen=True)
class DecodedPhoto:
    """The bytes as the client sent them, and what their header says."""

    index: int
    name: str | None
    data: bytes
    sha256: str
    header: PhotoHeader

    @property
    def media_type(self) -> str:
        return self.header.media_type

    def described(self) -> dict[str, Any]:
        """What the request's row keeps of the photo."""
        return {
            "index": self.index,
            "name": self.name,
            "sha256": self.sha256,
            "size_bytes": len(self.data),
            "media_type": self.header.media_type,
            "width": self.header.width,
            "height": self.header.height,
        }


def examined(data: bytes, index: int, name: str | None, field: str) -> DecodedPhoto:
    """Raises InvalidPhoto or PhotoTooLarge, with the field that the photo came by."""
    try:
        header = read_header(data)
    except TooManyPixels as error:
        raise PhotoTooLarge(str(error), field=field) from error
    except UnreadablePhoto as error:
        raise InvalidPhoto(str(error), field=field) from error
    return DecodedPhoto(index, name, data, hashlib.sha256(data).hexdigest(), header)
