"""The tiny checkpoint, loaded as the container loads it, and inspections to give it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from models.inspection import Inspection, Question
from models.interface import ModelOptions
from models.internvl.loaded import InternVL
from models.internvl.loader import load
from models.photo import Photo, read_header

QUESTIONS = (
    Question("damaged", "Is the item damaged?", ("yes", "no")),
    Question("kind", "What is the item?", ("shirt", "shoe", "bottle", "phone", "bag", "book", "nothing")),
    Question("label", "Is the label attached to the item, and is it the one that was ordered?", ("yes", "no")),
)


@pytest.fixture(scope="session")
def internvl(checkpoint: Path) -> InternVL:
    """The tiny model on one CPU thread, so that tests do not fight for cores."""
    return load(ModelOptions(checkpoint, threads=1, device="cpu"))


@pytest.fixture
def photo(encoded_photo: Callable[..., bytes]) -> Callable[..., Photo]:
    """Makes a photo of noise, its header read."""

    def make(seed: int = 0, **options: object) -> Photo:
        return read_header(f"photo-{seed}", encoded_photo(seed, **options), 10**8, f"photos[{seed}].data")

    return make


@pytest.fixture
def inspection(photo: Callable[..., Photo]) -> Callable[..., Inspection]:
    """Makes an inspection of one photo a seed."""

    def make(
        *seeds: int,
        description: str = "red shirt",
        max_tiles: int | None = None,
        closer_tiles: tuple[int, ...] = (),
    ) -> Inspection:
        photos = tuple(photo(seed) for seed in seeds)
        return Inspection(photos, {"description": description}, QUESTIONS, max_tiles, closer_tiles)

    return make
