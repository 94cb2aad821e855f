"""Photos out of the request body, and the field that is at fault."""

import base64
import hashlib

import pytest

from core.errors import InvalidPhoto, PhotoTooLarge
from core.inline_photo import decode
from tests.fakes.photos import bomb, photo


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF"])
def test_decoded(kind: str) -> None:
    data = photo(0, kind)
    decoded = decode(base64.b64encode(data).decode(), 2, "front")
    assert decoded.data == data
    assert decoded.described() == {
        "index": 2,
        "name": "front",
        "sha256": hashlib.sha256(data).hexdigest(),
        "size_bytes": len(data),
        "media_type": decoded.media_type,
        "width": 800,
        "height": 600,
    }


@pytest.mark.parametrize(
    "text",
    [
        "not base64!",
        "abc",
        "ab==cd",
        "a b c d",
        "data:image/jpeg;base64,/9j/",
        "ä" * 4,
        base64.urlsafe_b64encode(b"\xff\xfb\xff" * 3).decode(),
        base64.b64encode(photo()).decode()[:1001],
        base64.encodebytes(photo()).decode(),
    ],
)
def test_other_text_is_no_base64(text: str) -> None:
    with pytest.raises(InvalidPhoto, match="base64") as raised:
        decode(text, 4)
    assert raised.value.field == "photos[4].data"


@pytest.mark.parametrize("data", [b"I am photo.jpg", photo()[:5000], b"\xff\xd8\xff", photo(0, "PNG")[:500]])
def test_other_bytes_are_no_photo(data: bytes) -> None:
    with pytest.raises(InvalidPhoto) as raised:
        decode(base64.b64encode(data).decode(), 1)
    assert raised.value.field == "photos[1].data"


def test_bomb() -> None:
    with pytest.raises(PhotoTooLarge) as raised:
        decode(base64.b64encode(bomb()).decode(), 0)
    assert (raised.value.status, raised.value.field) == (413, "photos[0].data")
