"""Photos from untrusted bytes: orientation, reduced decoding, and damage of every kind."""

from collections.abc import Callable
from contextlib import suppress
from io import BytesIO

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from models.errors import EndpointError
from models.photo import ORIENTATION_TAG, Photo, read_header


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_are_turned_upright(orientation: int) -> None:
    pixels = np.arange(20 * 10 * 3, dtype=np.uint8).reshape(10, 20, 3)
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG", exif=exif)

    photo = read_header("a", file.getvalue(), 10**6, "f")
    upright = photo.decode((1, 1))

    assert upright.size == (photo.width, photo.height) == ((20, 10) if orientation < 5 else (10, 20))
    expected = ImageOps.exif_transpose(Image.open(file)).convert("RGB")
    assert upright.tobytes() == expected.tobytes()


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_jpeg_is_not_decoded_below_twice_what_is_wanted(orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    file = BytesIO()
    Image.new("RGB", (1600, 800)).save(file, "JPEG", exif=exif)
    photo = read_header("a", file.getvalue(), 10**7, "f")

    image = photo.decode((200, 100) if orientation == 1 else (100, 200))

    assert image.size == ((400, 200) if orientation == 1 else (200, 400))


def test_broken_exif_is_no_reason_to_refuse_a_photo() -> None:
    file = BytesIO()
    Image.new("RGB", (8, 4)).save(file, "JPEG", exif=b"Exif\x00\x00not a TIFF header")
    assert read_header("a", file.getvalue(), 10**6, "f").width == 8


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "I;16", "1", "LA"])
def test_every_colour_mode_becomes_rgb(mode: str) -> None:
    file = BytesIO()
    Image.new(mode, (8, 4)).save(file, "JPEG" if mode == "CMYK" else "PNG")
    image = read_header("a", file.getvalue(), 10**6, "f").decode((8, 4))
    assert (image.mode, image.size) == ("RGB", (8, 4))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_a_cut_off_photo_is_found_out(encoded_photo: Callable[..., bytes], format: str) -> None:
    data = encoded_photo(size=(200, 200), format=format)
    with pytest.raises(EndpointError) as caught:
        read_header("a", data[: len(data) // 2], 10**6, "photos[0].data").decode((200, 200))
    # A WebP says in its header how long it is, so it is found out earlier.
    assert caught.value.code == ("not_an_image" if format == "WEBP" else "truncated_image")
    assert caught.value.field == "photos[0].data"


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), format=st.sampled_from(["JPEG", "PNG", "WEBP"]))
def test_damage_is_never_our_fault(encoded_photo: Callable[..., bytes], data: st.DataObject, format: str) -> None:
    damaged = bytearray(encoded_photo(size=(24, 16), format=format))
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    # Refused or decoded: any other exception fails the test.
    with suppress(EndpointError):
        assert read_header("a", bytes(damaged), 10**6, "f").decode((24, 16)).mode == "RGB"


def test_a_photo_with_too_many_pixels_is_refused_by_its_header(photo: Callable[..., Photo]) -> None:
    data = photo(size=(100, 100)).data
    assert read_header("a", data, 10_000, "f").width == 100
    with pytest.raises(EndpointError, match="too_many_pixels"):
        read_header("a", data, 9_999, "f")
