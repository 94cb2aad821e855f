"""The outlines of the six kinds, in item coordinates: x to the right and y down, both from -1 to 1."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]  # [n, 2]
Paint = float | tuple[int, int, int]  # a tone multiplies the item's own colour; a triple is a colour by itself
Outline = Callable[[np.random.Generator], "Drawing"]

CREAM, METAL, SCREEN = (240, 236, 224), (168, 168, 172), (44, 48, 58)


@dataclass
class Drawing:
    """Polygons from back to front; the first is the body. Label and damage go inside `box` (x0, y0, x1, y1)."""

    box: tuple[float, float, float, float]
    polygons: list[tuple[Points, Paint]] = field(default_factory=list)

    def add(self, paint: Paint, points: Points) -> "Drawing":
        self.polygons.append((points, paint))
        return self


def polygon(*points: tuple[float, float]) -> Points:
    """The given corners as an array."""
    return np.array(points, dtype=np.float64)


def rectangle(x0: float, y0: float, x1: float, y1: float) -> Points:
    """An upright rectangle."""
    return polygon((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def ellipse(x: float, y: float, rx: float, ry: float, corners: int = 40) -> Points:
    """An ellipse around (x, y)."""
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.stack([x + rx * np.cos(angle), y + ry * np.sin(angle)], 1)


def rounded(x0: float, y0: float, x1: float, y1: float, radius: float) -> Points:
    """An upright rectangle with round corners."""
    angle = np.linspace(0, np.pi / 2, 8)
    arc = radius * np.stack([np.cos(angle), np.sin(angle)], 1)
    swapped = arc[::-1]
    return np.concatenate(
        [
            arc * (1, 1) + (x1 - radius, y1 - radius),
            swapped * (-1, 1) + (x0 + radius, y1 - radius),
            arc * (-1, -1) + (x0 + radius, y0 + radius),
            swapped * (1, -1) + (x1 - radius, y0 + radius),
        ]
    )


def stroke(x0: float, y0: float, x1: float, y1: float, width: float) -> Points:
    """A straight line as a thin quadrilateral, `width` across."""
    along = np.array([x1 - x0, y1 - y0])
    across = np.array([-along[1], along[0]]) / (np.hypot(*along) + 1e-9) * width / 2
    start, end = np.array([x0, y0]), np.array([x1, y1])
    return np.stack([start + across, end + across, end - across, start - across])


def _shirt(rng: np.random.Generator) -> Drawing:
    sleeve, hem = rng.uniform(0.25, 0.5), rng.uniform(0.82, 0.98)
    body = polygon(
        (-0.4, -0.8), (-0.16, -0.92), (0.16, -0.92), (0.4, -0.8), (1.0, -0.3 + sleeve / 3), (0.8, 0.0 + sleeve / 2),
        (0.52, -0.28), (0.54, hem), (-0.54, hem), (-0.52, -0.28), (-0.8, 0.0 + sleeve / 2), (-1.0, -0.3 + sleeve / 3),
    )  # fmt: skip
    shirt = Drawing((-0.42, -0.45, 0.42, 0.75)).add(1.0, body).add(0.6, ellipse(0, -0.88, 0.18, 0.12))
    style = rng.integers(3)
    if style == 0:
        shirt.add(0.8, stroke(0, -0.76, 0, hem, 0.05))
    elif style == 1:
        for y in np.linspace(-0.2, 0.6, 4):
            shirt.add(0.82, rectangle(-0.525, y, 0.525, y + 0.09))
    return shirt.add(0.75, stroke(0.52, -0.28, 0.56, -0.6, 0.04)).add(0.75, stroke(-0.52, -0.28, -0.56, -0.6, 0.04))


def _shoe(rng: np.random.Generator) -> Drawing:
    ankle, sole = rng.uniform(-0.72, -0.5), rng.uniform(0.12, 0.2)
    body = polygon(
        (-0.92, ankle), (-0.28, ankle - 0.04), (-0.14, -0.28), (0.42, -0.06), (0.82, 0.04), (0.98, 0.24), (0.98, 0.42),
        (-0.94, 0.42), (-0.98, 0.1),
    )  # fmt: skip
    shoe = Drawing((-0.78, -0.34, 0.5, 0.3)).add(1.0, body)
    shoe.add((222, 218, 210) if rng.random() < 0.6 else (88, 84, 82), rounded(-1.0, 0.4, 1.0, 0.4 + sole, 0.06))
    laces: Paint = (230, 228, 224) if rng.random() < 0.5 else 0.55
    for step in range(4):
        x, y = -0.16 + 0.15 * step, -0.26 + 0.065 * step
        shoe.add(laces, stroke(x - 0.05, y + 0.18, x + 0.1, y - 0.02, 0.045))
    return shoe.add(0.72, polygon((-0.96, 0.0), (-0.78, 0.02), (-0.74, 0.4), (-0.95, 0.4)))


def _bottle(rng: np.random.Generator) -> Drawing:
    half, neck = rng.uniform(0.36, 0.44), rng.uniform(0.13, 0.18)
    body = polygon(
        (-neck, -0.8), (neck, -0.8), (neck, -0.55), (half, -0.28), (half, 0.92), (half - 0.07, 0.99),
        (0.07 - half, 0.99), (-half, 0.92), (-half, -0.28), (-neck, -0.55),
    )  # fmt: skip
    bottle = Drawing((-0.3, -0.2, 0.3, 0.84)).add(1.0, body)
    bottle.add((60, 60, 64) if rng.random() < 0.5 else 0.6, rounded(-neck - 0.03, -1.0, neck + 0.03, -0.76, 0.04))
    bottle.add(1.25, rectangle(-half + 0.06, -0.2, -half + 0.13, 0.85))
    if rng.random() < 0.5:
        y = rng.uniform(0.0, 0.3)
        bottle.add(0.75, rectangle(-half, y, half, y + 0.3))
    return bottle


def _phone(rng: np.random.Generator) -> Drawing:
    half = rng.uniform(0.46, 0.54)
    phone = Drawing((-0.36, -0.35, 0.36, 0.8)).add(1.0, rounded(-half, -1.0, half, 1.0, 0.12))
    x, y = -half + 0.1, -0.9
    phone.add(SCREEN, rounded(x, y, x + 0.4, y + 0.42, 0.08))
    for dx, dy in ((0.11, 0.12), (0.29, 0.12), (0.11, 0.3)):
        phone.add(METAL, ellipse(x + dx, y + dy, 0.07, 0.07)).add((20, 20, 30), ellipse(x + dx, y + dy, 0.04, 0.04))
    return phone.add(0.8, ellipse(0, 0.1, 0.1, 0.1))


def _bag(rng: np.random.Generator) -> Drawing:
    top, flare = rng.uniform(-0.35, -0.2), rng.uniform(0.08, 0.22)
    body = polygon(
        (-0.78, top), (0.78, top), (0.78 + flare, 0.9), (0.7 + flare, 0.97), (-0.7 - flare, 0.97), (-0.78 - flare, 0.9)
    )
    bag = Drawing((-0.66, top + 0.2, 0.66, 0.8)).add(1.0, body)
    reach, band = rng.uniform(0.32, 0.48), 0.1
    outer, inner = ellipse(0, top, reach, top + 0.95, 60), ellipse(0, top, reach - band, top + 0.95 - band, 60)
    bag.add(0.7, np.concatenate([outer[30:], [outer[0]], [inner[0]], inner[:29:-1]]))
    if rng.random() < 0.5:
        bag.add(0.8, polygon((-0.78, top), (0.78, top), (0.5, top + 0.34), (-0.5, top + 0.34)))
    return bag.add((196, 164, 84), rounded(-0.1, top + 0.1, 0.1, top + 0.24, 0.03))


def _book(rng: np.random.Generator) -> Drawing:
    half = rng.uniform(0.62, 0.74)
    book = Drawing((-half + 0.22, -0.55, half - 0.12, 0.78)).add(1.0, rectangle(-half, -0.96, half, 0.94))
    book.add(CREAM, polygon((half, -0.96), (half + 0.14, -0.88), (half + 0.14, 1.0), (half, 0.94)))
    book.add(CREAM, polygon((-half, 0.94), (half, 0.94), (half + 0.14, 1.0), (-half + 0.12, 1.0)))
    book.add(0.7, rectangle(-half, -0.96, -half + 0.14, 0.94))
    ink: Paint = (226, 206, 140) if rng.random() < 0.6 else 0.5
    book.add(ink, stroke(-half + 0.26, -0.76, half - 0.12, -0.76, 0.09))
    return book.add(ink, stroke(-half + 0.26, -0.6, half - rng.uniform(0.2, 0.5), -0.6, 0.06))


_OUTLINES: dict[str, Outline] = {
    "shirt": _shirt, "shoe": _shoe, "bottle": _bottle, "phone": _phone, "bag": _bag, "book": _book,
}  # fmt: skip


def outline(kind: str, rng: np.random.Generator) -> Drawing:
    """One specimen of a kind: its proportions and decoration vary with the generator."""
    return _OUTLINES[kind](rng)
