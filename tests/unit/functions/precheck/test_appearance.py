"""The same picture in another form is recognised, another picture is not; and by what it is looked up."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from precheck.appearance import MARGIN, MAX_DISTANCE, SIDE_PX, Look, thumbnail_of
from precheck.photo import analyse
from tests.fakes.photos import encode, photo, scene

SCENES = 40
OTHERS = MAX_DISTANCE + 20  # bits between different scenes, at least
side = st.floats(0, MARGIN)


def look(image: Image.Image) -> Look:
    return Look(thumbnail_of(image.convert("L")))


def crop(image: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    """Without these shares of its sides."""
    width, height = image.size
    box = (left * width, top * height, (1 - right) * width, (1 - bottom) * height)
    return image.crop((round(box[0]), round(box[1]), round(box[2]), round(box[3])))


def distance(new: Image.Image, old: Image.Image) -> int:
    (bits,) = look(new).distances([look(old).appearance().bits])
    return bits


def jpeg(image: Image.Image, quality: int = 75) -> Image.Image:
    return Image.open(io.BytesIO(encode(image, quality=quality)))


@pytest.mark.parametrize(
    ("changed", "at_most"),
    [
        (lambda image: image, 0),
        (lambda image: jpeg(image, 40), 12),
        (lambda image: image.resize((200, 150), Image.Resampling.BICUBIC), 16),
        (lambda image: ImageEnhance.Brightness(image).enhance(0.8), 8),
        (lambda image: ImageEnhance.Brightness(image).enhance(1.2), 24),
        (lambda image: crop(image, 0.15, 0.15, 0.15, 0.15), MAX_DISTANCE),
        (lambda image: crop(image, 0.15, 0, 0, 0), MAX_DISTANCE),
        (lambda image: crop(image.rotate(1, Image.Resampling.BICUBIC), 0.03, 0.03, 0.03, 0.03), MAX_DISTANCE),
        (lambda image: jpeg(crop(image, 0.1, 0.06, 0.03, 0.1).resize((400, 300)), 50), MAX_DISTANCE),
    ],
    ids=["itself", "jpeg", "smaller", "darker", "brighter", "cropped", "one side", "turned", "all at once"],
)
def test_another_form_is_the_same_picture(changed: Callable[[Image.Image], Image.Image], at_most: int) -> None:
    for seed in range(5):
        assert distance(changed(scene(seed)), scene(seed)) <= at_most


def test_crops_up_to_the_margin_are_looked_up_and_recognised_both_ways() -> None:
    rng = np.random.default_rng(0)
    found = 0
    for seed in range(SCENES):
        whole, part = scene(seed), jpeg(crop(scene(seed), *rng.uniform(0, MARGIN, 4)), int(rng.integers(40, 96)))
        for new, old in ((part, whole), (whole, part)):
            kept, asked = look(old).appearance(), look(new)
            looked_up = any(band in values for band, values in zip(kept.bands, asked.bands(), strict=True))
            found += looked_up and asked.distances([kept.bits])[0] <= MAX_DISTANCE
    assert found >= 0.95 * 2 * SCENES


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, SCENES - 1), sides=st.tuples(side, side, side, side))
def test_any_crop_is_nearer_than_any_other_picture(seed: int, sides: tuple[float, float, float, float]) -> None:
    assert distance(jpeg(crop(scene(seed), *sides)), scene(seed)) < OTHERS


def test_other_pictures_are_others() -> None:
    looks = [look(scene(seed)) for seed in range(SCENES)]
    appearances = [each.appearance().bits for each in looks]
    for number, each in enumerate(looks[:10]):
        distances = each.distances(appearances)
        assert distances[number] == 0
        assert min(distances[:number] + distances[number + 1 :]) > OTHERS


def test_many_at_once_as_one_by_one() -> None:
    appearances = [look(scene(seed)).appearance().bits for seed in range(5)] * 500
    new = look(crop(scene(3), 0.1, 0.1, 0, 0))
    assert (
        new.distances(appearances) == [distance for one in appearances[:5] for distance in new.distances([one])] * 500
    )
    assert new.distances([]) == []


def test_size_of_what_is_kept() -> None:
    analysis = analyse(photo(0), "image/jpeg")
    assert len(analysis.thumbnail) == SIDE_PX**2
    appearance = Look(analysis.thumbnail).appearance()
    assert len(appearance.bits) == 32
    assert all(0 <= band < 2**16 for band in appearance.bands)
    assert Look(analysis.thumbnail).appearance() == appearance


@pytest.mark.parametrize("luma", [0, 128, 255])
def test_a_plain_photo_is_looked_at_without_a_fault(luma: int) -> None:
    plain = Image.new("L", (300, 200), luma)
    assert distance(plain, plain) == 0
    assert np.all(np.frombuffer(thumbnail_of(plain), np.uint8) == luma)
