"""The look at a photo from outside: type by content, size, wholeness - whatever bytes come."""

import contextlib
import io
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.photo_header import MAX_PIXELS, PhotoHeader, TooManyPixels, UnreadablePhoto, read_header
from tests.fakes.photos import SUFFIX, bomb, encode, photo, scene, with_exif

KINDS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "HEIF": "image/heic"}
MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x40\x00\x00\x00WEBPVP8 ", b"\x00\x00\x00\x18ftypheic", b"")


@pytest.mark.parametrize(("kind", "media_type"), KINDS.items())
def test_each_kind_by_its_content(kind: str, media_type: str) -> None:
    assert read_header(photo(0, kind)) == PhotoHeader(media_type, 800, 600)


@pytest.mark.parametrize(
    "options", [{"progressive": True}, {"optimize": True}, {"subsampling": 0}, {"comment": b"\xff\xda\xff\xd9"}]
)
def test_jpeg_variants(options: dict[str, Any]) -> None:
    assert read_header(encode(scene(), **options)).media_type == "image/jpeg"


def test_stored_size_is_told_before_orientation() -> None:
    header = read_header(with_exif(scene(), 6))
    assert (header.width, header.height) == (800, 600)


@pytest.mark.parametrize(
    "data",
    [
        b"hello, I am photo.jpg",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"GIF89a" + bytes(20),
        b"BM" + bytes(60),
        b"PK\x03\x04" + bytes(60),
        b"%PDF-1.7",
        bytes(1000),
    ],
)
def test_other_content_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadablePhoto, match="not a JPEG, PNG, WebP or HEIC"):
        read_header(data)


def test_zero_bytes() -> None:
    with pytest.raises(UnreadablePhoto, match="empty"):
        read_header(b"")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF"])
@pytest.mark.parametrize("share", [0.001, 0.3, 0.7, 0.99])
def test_truncated(kind: str, share: float) -> None:
    data = photo(0, kind)
    with pytest.raises(UnreadablePhoto):
        read_header(data[: max(3, int(len(data) * share))])


def test_truncated_heic_within_its_header() -> None:
    with pytest.raises(UnreadablePhoto):
        read_header(photo(0, "HEIF")[:40])


def test_truncated_jpeg_is_not_saved_by_its_thumbnail() -> None:
    """The thumbnail inside EXIF has an end mark of its own."""
    empty_ifd = b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"
    data = encode(scene(), exif=empty_ifd + encode(scene(1, 64, 48)))
    assert data.count(b"\xff\xd9") >= 2
    assert read_header(data).width == 800
    with pytest.raises(UnreadablePhoto, match="cut off"):
        read_header(data[: int(len(data) * 0.8)])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_appended_bytes_do_no_harm(kind: str) -> None:
    assert read_header(photo(0, kind) + SUFFIX).media_type == KINDS[kind]


def test_motion_photo_is_whole() -> None:
    """Phones append a video to the JPEG, and among its bytes are the markers of a scan and of an end."""
    assert read_header(photo() + b"ftypmp42" + b"\xff\xd9" + bytes(100) + b"\xff\xda" + bytes(100)).width == 800


def test_bomb_is_refused_by_its_header() -> None:
    data = bomb()
    assert 500_000 < len(data) < 530_000
    tracemalloc.start()
    try:
        with pytest.raises(TooManyPixels, match="pixels"):
            read_header(data)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_the_limit_itself_may_come() -> None:
    at_limit = Image.new("1", (8000, MAX_PIXELS // 8000))
    buffer = io.BytesIO()
    at_limit.save(buffer, "PNG")
    assert read_header(buffer.getvalue()).width == 8000


def test_far_beyond_the_limit_too() -> None:
    """Pillow refuses these by itself, with an error of its own."""
    huge = bytearray(photo(0, "PNG"))
    huge[16:24] = (60_000).to_bytes(4, "big") * 2
    with pytest.raises((TooManyPixels, UnreadablePhoto)):
        read_header(bytes(huge))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(MAGIC), st.binary(max_size=300))
def test_arbitrary_bytes_are_read_or_refused(start: bytes, rest: bytes) -> None:
    with contextlib.suppress(UnreadablePhoto):
        read_header(start + rest)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(KINDS)), st.data())
def test_damaged_photos_are_read_or_refused(kind: str, data: st.DataObject) -> None:
    spoilt = bytearray(photo(0, kind))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, min(600, len(spoilt) - 1)))
        spoilt[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(UnreadablePhoto):
        read_header(bytes(spoilt[: data.draw(st.integers(0, len(spoilt)))]))
