"""Draws training batches from a bank: which inspections, which of their photos, what was ordered, what is asked."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from demo_model.catalogue import COLOURS, KINDS, Item, draw_ordered, truth
from demo_model.concepts import cell_targets
from demo_model.inspections import MAX_PHOTOS, MIN_PHOTOS
from demo_model.orders import write_order
from demo_model.packing import Packed, Packer, list_questions
from demo_model.render import Bank
from models.internvl.prompt import Question

Places = NDArray[np.int64]

MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, as the image processor uses


@dataclass(frozen=True)
class Photos:
    """Photos of a batch with their truth, inspections' photos one after the other."""

    pixels: torch.Tensor  # float [n, 3, 112, 112], normalised
    coverage: torch.Tensor  # float [n, 8, 8, 3]
    facts: torch.Tensor  # int64 [n, 4]

    def cells(self) -> torch.Tensor:
        return cell_targets(self.coverage, self.facts)


def normalised(pixels: NDArray[np.uint8]) -> torch.Tensor:
    """uint8 [n, 112, 112, 3] as the image processor would hand it to the model: float [n, 3, 112, 112]."""
    scaled = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() / 255
    return (scaled - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(SPREAD).view(1, 3, 1, 1)


def photos_of(bank: Bank, inspections: Places, views: Places, flip: NDArray[np.bool_] | None = None) -> Photos:
    """Photo `views[i]` of inspection `inspections[i]`; where `flip[i]`, mirrored left to right with its truth."""
    pixels, coverage = bank.pixels[inspections, views], bank.coverage[inspections, views]
    if flip is not None:
        pixels[flip], coverage[flip] = pixels[flip][:, :, ::-1], coverage[flip][:, :, ::-1]
    facts = torch.from_numpy(bank.facts[inspections].astype(np.int64))
    return Photos(normalised(pixels), torch.from_numpy(coverage.astype(np.float32) / 255), facts)


def item_of(facts: NDArray[np.int8], coverage: NDArray[np.uint8]) -> Item | None:
    """The item by a bank's row of facts; label and damage count only where the chosen photos show them.

    Of fewer than three photos none may. `coverage`: uint8 [photos, 8, 8, 3].
    """
    kind, colour, label, damaged = (int(value) for value in facts)
    if kind < 0:
        return None
    shows_label, shows_damage = (bool(coverage[..., layer].any()) for layer in (1, 2))
    return Item(KINDS[kind], list(COLOURS)[colour], bool(label) and shows_label, bool(damaged) and shows_damage)


def draw_views(rng: np.random.Generator, photos: int) -> Places:
    """Which photos of an inspection, in any order: the first three if there is room, as they show every mark twice."""
    if photos < MIN_PHOTOS:
        return rng.permutation(MAX_PHOTOS)[:photos]
    later = rng.permutation(np.arange(MIN_PHOTOS, MAX_PHOTOS))[: photos - MIN_PHOTOS]
    return rng.permutation(np.concatenate([np.arange(MIN_PHOTOS), later]))


class BatchDrawer:
    """Draws packed batches of inspections with their photos."""

    def __init__(
        self, bank: Bank, packer: Packer, questions: tuple[Question, ...], emphasis: Mapping[str, float], seed: int
    ) -> None:
        """`emphasis`: how often a question is asked relative to the others, by id; 1 where it is not listed."""
        self._bank, self._packer, self._questions = bank, packer, questions
        self._rng = np.random.default_rng(seed)
        weights = np.array([emphasis.get(question.id, 1.0) for question in questions])
        self._weights = weights / weights.sum()

    def draw(self, size: int, asked: int, photos: int | None = None) -> tuple[Packed, Photos, Places]:
        """`size` inspections with `asked` questions each. Returns the photos' places in the bank as well."""
        rng = self._rng
        count = photos or int(rng.integers(MIN_PHOTOS, MAX_PHOTOS + 1))
        chosen = rng.integers(len(self._bank), size=size)
        listed = list_questions(rng, self._questions, asked)
        orders, rows = [], []
        weights = np.array([self._weights[self._questions.index(question)] for question in listed])
        views = [draw_views(rng, count) for _ in chosen]
        for number, shown in zip(chosen, views, strict=True):
            item = item_of(self._bank.facts[number], self._bank.coverage[number, shown])
            ordered = draw_ordered(rng, item)
            right = truth(item, ordered)
            orders.append(write_order(rng, ordered))
            picks = rng.choice(len(listed), asked, replace=False, p=weights / weights.sum())
            rows.append([(listed[n], right[listed[n].id]) for n in picks])
        packed = self._packer.pack(listed, count, orders, rows)
        places = np.stack([np.repeat(chosen, count), np.concatenate(views)], 1)
        flip = rng.random(len(places)) < 0.5
        return packed, photos_of(self._bank, places[:, 0], places[:, 1], flip), places
