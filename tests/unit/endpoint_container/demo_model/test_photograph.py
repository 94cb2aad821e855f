"""The renderer draws the same photo from the same seeds, and its truth is what it drew."""

from itertools import pairwise

import numpy as np
import pytest

from demo_model.catalogue import COLOURS, KINDS, Item
from demo_model.inspections import SPLITS, draw_inspection, squashed, take
from demo_model.photograph import View, photograph

LANDSCAPE = (224, 168)
WHOLE = Item("bag", "blue", label=True, damaged=True)


def test_same_seeds_same_photo() -> None:
    one, other = (photograph(WHOLE, 5, View(9), LANDSCAPE) for _ in range(2))
    assert np.array_equal(np.asarray(one.image), np.asarray(other.image))
    assert np.array_equal(one.coverage, other.coverage)


def test_another_seed_is_another_photo() -> None:
    one, other = photograph(WHOLE, 5, View(9), LANDSCAPE), photograph(WHOLE, 5, View(10), LANDSCAPE)
    assert not np.array_equal(np.asarray(one.image), np.asarray(other.image))


@pytest.mark.parametrize("kind", KINDS)
def test_coverage_tells_what_is_there(kind: str) -> None:
    for label in (True, False):
        for damaged in (True, False):
            photo = photograph(Item(kind, "red", label, damaged), 3, View(4), LANDSCAPE)
            item, tag, tear = photo.coverage.sum((0, 1))
            assert item > 2
            assert bool(tag > 0.2) is label
            assert bool(tear > 0.05) is damaged


def test_a_hidden_side_shows_neither_label_nor_damage() -> None:
    photo = photograph(WHOLE, 3, View(4, shows_label=False, shows_damage=False), LANDSCAPE)
    assert photo.coverage[..., 0].any()
    assert not photo.coverage[..., 1:].any()


def test_no_item_covers_nothing() -> None:
    assert not photograph(None, 3, View(4), LANDSCAPE).coverage.any()


@pytest.mark.parametrize("colour", COLOURS)
def test_the_item_has_its_colour(colour: str) -> None:
    """A red item's covered patches are nearer to red than to the opposite of it, whatever the light."""
    photo = photograph(Item("book", colour, label=False, damaged=False), 8, View(2, blur=0.0), LANDSCAPE)
    pixels = squashed(photo.image).astype(float).reshape(8, 14, 8, 14, 3).mean((1, 3))
    seen = pixels[photo.coverage[..., 0] > 0.9].mean(0)
    distances = {name: np.abs(seen - rgb).sum() for name, rgb in COLOURS.items()}
    assert sorted(distances, key=distances.__getitem__).index(colour) <= 1


def test_the_drawing_is_the_same_at_any_size() -> None:
    small, large = (photograph(WHOLE, 5, View(9), size) for size in (LANDSCAPE, (896, 672)))
    assert np.allclose(small.coverage, large.coverage, atol=1e-6)
    difference = np.abs(squashed(small.image).astype(float) - squashed(large.image).astype(float))
    assert difference.mean() < 8


def test_two_of_the_first_three_photos_show_every_mark() -> None:
    for seed in range(200):
        first = draw_inspection(seed, photos=6).views[:3]
        assert sum(view.shows_label for view in first) >= 2
        assert sum(view.shows_damage for view in first) >= 2


def test_an_inspection_is_its_seed() -> None:
    assert draw_inspection(77) == draw_inspection(77)
    assert (
        draw_inspection(77).order != draw_inspection(78).order or draw_inspection(77).views != draw_inspection(78).views
    )
    assert take(draw_inspection(77), 0).image.size in (LANDSCAPE, LANDSCAPE[::-1])


def test_splits_lie_far_apart() -> None:
    starts = sorted(SPLITS.values())
    assert min(later - earlier for earlier, later in pairwise(starts)) >= 1_000_000
