"""Draws whole inspections: an item, what was ordered, and three to six photos. One seed fixes all of it."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from demo_model.catalogue import Item, Ordered, draw_item, draw_ordered, truth
from demo_model.orders import write_order
from demo_model.photograph import Photo, View, photograph

MIN_PHOTOS, MAX_PHOTOS = 3, 6
SMALL, FULL = (224, 168), (1600, 1200)  # as drawn for training, and as a phone would take it
SERVED_LONG_SIDE = 1344  # what the gateway's derivative is reduced to
MODEL_SIZE = (112, 112)
HIDDEN_LATER = 0.3  # how often a side shows no label or damage, from the fourth photo on

# Seeds are apart by construction: an inspection's seed is its split's start plus its number.
SPLITS = {"train": 0, "calibrate": 10_000_000, "test": 20_000_000, "served": 30_000_000}


@dataclass(frozen=True)
class Inspection:
    """One inspection's ground truth. `landscape` says for each view which way the photo was held."""

    item: Item | None
    specimen: int
    ordered: Ordered
    order: dict[str, object]
    views: tuple[View, ...]
    landscape: tuple[bool, ...]

    @property
    def answers(self) -> dict[str, str]:
        return truth(self.item, self.ordered)


def draw_inspection(seed: int, photos: int | None = None) -> Inspection:
    """The inspection of a seed, with a drawn number of photos (3 to 6) or the given one."""
    rng = np.random.default_rng((seed, 0))
    item = draw_item(rng)
    ordered = draw_ordered(rng, item)
    count = int(rng.integers(MIN_PHOTOS, MAX_PHOTOS + 1))
    specimen = int(rng.integers(1 << 40))
    views = _views(rng)[: photos or count]
    landscape = tuple(bool(rng.random() < 0.6) for _ in range(MAX_PHOTOS))[: len(views)]
    return Inspection(item, specimen, ordered, write_order(rng, ordered), views, landscape)


def _views(rng: np.random.Generator) -> tuple[View, ...]:
    """Six views. Two of the first three always show the label, and two the damage."""
    hidden = rng.random((MAX_PHOTOS, 2)) < HIDDEN_LATER
    hidden[:MIN_PHOTOS] = False
    for mark in range(2):
        if rng.random() < 0.6:
            hidden[rng.integers(MIN_PHOTOS), mark] = True
    seeds = rng.integers(1 << 40, size=MAX_PHOTOS)
    return tuple(View(int(seed), not label, not damage) for seed, (label, damage) in zip(seeds, hidden, strict=True))


def take(inspection: Inspection, number: int, size: tuple[int, int] = SMALL) -> Photo:
    """Photo `number` of an inspection; `size` is of the landscape format and turned for the other one."""
    width, height = size if inspection.landscape[number] else size[::-1]
    return photograph(inspection.item, inspection.specimen, inspection.views[number], (width, height))


def squashed(image: Image.Image) -> NDArray[np.uint8]:
    """The photo as the model sees it, one tile: uint8 [112, 112, 3]."""
    return np.asarray(image.convert("RGB").resize(MODEL_SIZE, Image.Resampling.BICUBIC))


def as_served(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A full-size photo after the phone's JPEG, the gateway's reduced copy and that copy's JPEG."""
    first = _through_jpeg(image, int(rng.integers(70, 93)))
    scale = SERVED_LONG_SIDE / max(first.size)
    reduced = first.resize((round(first.width * scale), round(first.height * scale)), Image.Resampling.BICUBIC)
    return _through_jpeg(reduced, int(rng.integers(75, 93)))


def _through_jpeg(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")
