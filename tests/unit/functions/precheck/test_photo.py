"""Decoding: upright, small, and nothing of the file but its pixels."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.photo_header import UnreadablePhoto, read_header
from core.photo_pixels import DamagedPhoto, draft, prepare
from precheck.photo import Analysis, analyse
from tests.fakes.photos import GPS_LATITUDE, SUFFIX, encode, photo, scene, with_exif

MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "HEIF": "image/heic"}
STORED_AS = {  # orientation: how the stored pixels have to be turned to be upright, undone
    1: [],
    2: [Image.Transpose.FLIP_LEFT_RIGHT],
    3: [Image.Transpose.ROTATE_180],
    4: [Image.Transpose.FLIP_TOP_BOTTOM],
    5: [Image.Transpose.TRANSPOSE],
    6: [Image.Transpose.ROTATE_90],
    7: [Image.Transpose.TRANSVERSE],
    8: [Image.Transpose.ROTATE_270],
}


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def corners() -> Image.Image:
    """Upright: red, green above; blue, white below; wider than high."""
    image = Image.new("RGB", (640, 480), "white")
    image.paste((200, 0, 0), (0, 0, 320, 240))
    image.paste((0, 200, 0), (320, 0, 640, 240))
    image.paste((0, 0, 200), (0, 240, 320, 480))
    return image


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_comes_out_upright(orientation: int) -> None:
    stored = corners()
    for turn in STORED_AS[orientation]:
        stored = stored.transpose(turn)
    data = with_exif(stored, orientation)
    prepared = opened(prepare(data, "image/jpeg", 320))
    assert prepared.size == (320, 240)
    for x, y, colour in ((40, 40, (200, 0, 0)), (280, 40, (0, 200, 0)), (40, 200, (0, 0, 200)), (280, 200, (255,) * 3)):
        found = prepared.getpixel((x, y))
        assert isinstance(found, tuple)
        assert max(abs(a - b) for a, b in zip(found, colour, strict=True)) < 30
    analysis = analyse(data, "image/jpeg")
    assert (analysis.width, analysis.height) == (640, 480)


@pytest.mark.parametrize("orientation", [1, 6])
def test_nothing_but_pixels_is_left(orientation: int) -> None:
    data = with_exif(scene(), orientation) + SUFFIX
    assert GPS_LATITUDE in data
    prepared = prepare(data, "image/jpeg", 640)
    for remainder in (GPS_LATITUDE, b"CANARY", b"Exif", SUFFIX, b"<script>", b"PK\x03\x04"):
        assert remainder not in prepared
    assert prepared.endswith(b"\xff\xd9")
    assert not opened(prepared).getexif()
    assert set(opened(prepared).info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_metadata_of_other_kinds_is_gone_too(kind: str) -> None:
    exif = Image.Exif()
    exif[0x010F] = "CANARY-MAKER"
    data = encode(scene(), kind, exif=exif)
    assert b"CANARY" in data
    assert b"CANARY" not in prepare(data, MEDIA_TYPES[kind], 640)


def test_comment_and_colour_profile_are_gone() -> None:
    data = encode(scene(), comment=b"CANARY", icc_profile=b"CANARY-PROFILE" * 20)
    assert b"CANARY" not in prepare(data, "image/jpeg", 640)


@pytest.mark.parametrize("kind", MEDIA_TYPES)
@pytest.mark.parametrize(
    ("size", "long_side_px", "prepared_size"),
    [((800, 600), 400, (400, 300)), ((600, 800), 400, (300, 400)), ((300, 200), 400, (300, 200))],
)
def test_long_side(kind: str, size: tuple[int, int], long_side_px: int, prepared_size: tuple[int, int]) -> None:
    prepared = opened(prepare(encode(scene(0, *size), kind), MEDIA_TYPES[kind], long_side_px))
    assert (prepared.format, prepared.mode, prepared.size) == ("JPEG", "RGB", prepared_size)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "CMYK", "I;16"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.linspace(0, 65535, 300 * 200).reshape(200, 300).astype(np.uint16))
    else:
        image = scene(0, 300, 200).convert(mode)
    kind = "JPEG" if mode == "CMYK" else "PNG"
    data = encode(image, kind)
    assert opened(prepare(data, MEDIA_TYPES[kind], 200)).mode == "RGB"
    assert analyse(data, MEDIA_TYPES[kind]).width == 300


@pytest.fixture(scope="module")
def twelve_megapixels() -> bytes:
    """As a phone takes it: 4000 x 3000, with texture and sensor noise."""
    pixels = np.asarray(scene(3, 4000, 3000), np.int16)
    noise = np.random.default_rng(0).normal(0, 4, (3000, 4000, 1)).astype(np.int16)
    return encode(Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8)), quality=92)


def test_twelve_megapixels_leave_as_a_few_hundred_kilobytes(twelve_megapixels: bytes) -> None:
    assert len(twelve_megapixels) > 2_500_000
    prepared = prepare(twelve_megapixels, "image/jpeg", 1344)
    assert opened(prepared).size == (1344, 1008)
    assert 30_000 < len(prepared) < 500_000


def test_twelve_megapixels_are_never_unpacked_whole(twelve_megapixels: bytes) -> None:
    for mode, long_side_px, decoded in (("L", 1000, (1000, 750)), ("RGB", 1344, (2000, 1500))):
        image = Image.open(io.BytesIO(twelve_megapixels))
        draft(image, mode, long_side_px)
        assert image.size == decoded
    analysis = analyse(twelve_megapixels, "image/jpeg")
    assert (analysis.width, analysis.height) == (4000, 3000)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_file_cut_off_inside_its_pixels(kind: str) -> None:
    data = photo(0, kind)
    cut = data[: len(data) // 2]
    for work in (lambda: analyse(cut, MEDIA_TYPES[kind]), lambda: prepare(cut, MEDIA_TYPES[kind], 640)):
        with pytest.raises(DamagedPhoto):
            work()


@pytest.mark.parametrize("share", [0.01, 0.1, 0.3, 0.6, 0.9])
def test_heic_cut_off_anywhere(share: float) -> None:
    data = photo(0, "HEIF")

    def look() -> None:
        cut = data[: int(len(data) * share)]
        read_header(cut)
        analyse(cut, "image/heic")

    with pytest.raises((DamagedPhoto, UnreadablePhoto)):
        look()


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(MEDIA_TYPES)), st.data())
def test_spoilt_photos_are_decoded_or_damaged(kind: str, data: st.DataObject) -> None:
    spoilt = bytearray(encode(scene(0, 64, 48), kind))
    for _ in range(data.draw(st.integers(1, 4))):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    try:
        media_type = read_header(bytes(spoilt)).media_type
    except UnreadablePhoto:
        return
    try:
        analysed: Analysis = analyse(bytes(spoilt), media_type)
        prepare(bytes(spoilt), media_type, 32)
    except DamagedPhoto:
        return
    assert all(np.isfinite(value) for value in vars(analysed).values() if not isinstance(value, bytes))


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (1, 500), (500, 1), (3, 3)])
def test_tiny_photos_are_measured(size: tuple[int, int]) -> None:
    data = encode(Image.new("RGB", size, (90, 90, 90)), "PNG")
    analysis = analyse(data, "image/png")
    assert (analysis.width, analysis.height) == size
    assert (analysis.sharpness, analysis.tilt_degrees) == (0, 0)
    assert opened(prepare(data, "image/png", 500)).size == size
