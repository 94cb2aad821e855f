"""What the drawn world holds: kinds and colours of items, and what is true of an item against an order."""

from dataclasses import dataclass

import numpy as np

KINDS = ("shirt", "shoe", "bottle", "phone", "bag", "book")
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (200, 32, 36),
    "blue": (36, 72, 190),
    "green": (40, 140, 62),
    "black": (32, 32, 34),
    "white": (236, 236, 230),
    "yellow": (232, 200, 44),
    "purple": (122, 52, 156),
    "brown": (118, 74, 42),
}
NOTHING = "nothing"
EMPTY_SHARE = 0.2  # of all inspections; the rest is balanced question by question
PRESENT_YES = 0.5 / (1 - EMPTY_SHARE)  # so that yes and no are equally frequent over all inspections


@dataclass(frozen=True)
class Item:
    """The photographed item. No item at all is `None` wherever an item may be missing."""

    kind: str
    colour: str
    label: bool
    damaged: bool


@dataclass(frozen=True)
class Ordered:
    """What the order asks for."""

    kind: str
    colour: str


def draw_item(rng: np.random.Generator) -> Item | None:
    """An item with every property independent of the others, or nothing in an `EMPTY_SHARE` of the cases."""
    if rng.random() < EMPTY_SHARE:
        return None
    kind, colour = str(rng.choice(KINDS)), str(rng.choice(list(COLOURS)))
    return Item(kind, colour, bool(rng.random() < PRESENT_YES), bool(rng.random() < PRESENT_YES))


def draw_ordered(rng: np.random.Generator, item: Item | None) -> Ordered:
    """An order that agrees with the item in kind and in colour so often that both answers are balanced."""
    kind, colour = str(rng.choice(KINDS)), str(rng.choice(list(COLOURS)))
    if item is None:
        return Ordered(kind, colour)
    return Ordered(_agree(rng, item.kind, KINDS), _agree(rng, item.colour, tuple(COLOURS)))


def _agree(rng: np.random.Generator, true: str, words: tuple[str, ...]) -> str:
    others = [word for word in words if word != true]
    return true if rng.random() < PRESENT_YES else str(rng.choice(others))


def truth(item: Item | None, ordered: Ordered) -> dict[str, str]:
    """The right answer to each question of the reverse-pickup checklist, by question id."""
    if item is None:
        no = ("item_present", "kind_matches", "colour_matches", "label_attached", "damaged")
        return dict.fromkeys(no, "no") | {"kind": NOTHING}
    facts = {
        "item_present": True,
        "kind_matches": item.kind == ordered.kind,
        "colour_matches": item.colour == ordered.colour,
        "label_attached": item.label,
        "damaged": item.damaged,
    }
    return {question: "yes" if fact else "no" for question, fact in facts.items()} | {"kind": item.kind}
