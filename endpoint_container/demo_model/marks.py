"""The two marks an item may carry: a label on a string, and damage."""

import numpy as np

from demo_model.shapes import Paint, Points, ellipse, rectangle, stroke

Polygons = list[tuple[Points, Paint]]
PAPERS = ((250, 248, 242), (246, 238, 214), (226, 236, 246), (244, 232, 168))
INK, STRING, DARK = (28, 28, 30), (120, 104, 84), (24, 18, 16)


def label(rng: np.random.Generator, centre: tuple[float, float]) -> Polygons:
    """A paper tag with a string, a line of print and a barcode. The first polygon is the paper."""
    half_width, half_height = rng.uniform(0.2, 0.25), rng.uniform(0.28, 0.35)
    paper = PAPERS[rng.integers(len(PAPERS))]
    edge = tuple(int(value * 0.55) for value in paper)
    parts: Polygons = [
        (rectangle(-half_width, -half_height, half_width, half_height), edge),  # type: ignore[list-item]
        (rectangle(-half_width + 0.02, -half_height + 0.02, half_width - 0.02, half_height - 0.02), paper),
        (ellipse(0, -half_height + 0.08, 0.035, 0.035, 12), INK),
        (stroke(0, -half_height + 0.08, rng.uniform(-0.1, 0.1), -half_height - 0.14, 0.03), STRING),
        (stroke(-half_width + 0.06, -half_height + 0.2, half_width - 0.08, -half_height + 0.2, 0.05), INK),
    ]
    x = -half_width + 0.06
    while x < half_width - 0.08:
        width = rng.uniform(0.02, 0.05)
        parts.append((rectangle(x, -half_height + 0.3, x + width, half_height - 0.07), INK))
        x += width + rng.uniform(0.025, 0.05)
    angle = rng.normal(0, 0.25)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return [(points @ turn + centre, paint) for points, paint in parts]


def damage(rng: np.random.Generator, centre: tuple[float, float]) -> Polygons:
    """A hole, a tear or a crack. The first polygon is all that is torn, its frayed edge with it."""
    maker = (_hole, _tear, _crack)[rng.integers(3)]
    return [(points + centre, paint) for points, paint in maker(rng)]


def _hole(rng: np.random.Generator) -> Polygons:
    corners = 14
    angle = np.sort(rng.uniform(0, 2 * np.pi, corners))
    radius = rng.uniform(0.19, 0.26) * rng.uniform(0.72, 1.2, corners)
    rim = np.stack([np.cos(angle) * radius, np.sin(angle) * radius], 1)
    cracks: Polygons = []
    for n in rng.choice(corners, 4, replace=False):
        x, y = rim[n] * 0.8
        cracks.append((stroke(x, y, x * 2.1, y * 2.1, 0.035), DARK))
    return [(rim * 1.2, (206, 198, 186)), (rim * 0.92, DARK), *cracks]


def _tear(rng: np.random.Generator) -> Polygons:
    steps = 9
    along = np.linspace(-1, 1, steps) * rng.uniform(0.28, 0.38)
    spread = (1 - np.linspace(-1, 1, steps) ** 2) * rng.uniform(0.1, 0.15) + 0.03
    zigzag = rng.uniform(-0.05, 0.05, steps)
    upper, lower = np.stack([along, zigzag - spread], 1), np.stack([along, zigzag + spread], 1)
    wedge = np.concatenate([upper, lower[::-1]])
    threads: Polygons = []
    for n in rng.choice(np.arange(2, steps - 2), 3, replace=False):
        (x0, y0), (x1, y1) = upper[n], lower[n] + rng.uniform(-0.05, 0.05, 2)
        threads.append((stroke(x0, y0, x1, y1, 0.025), (222, 216, 206)))
    return _turned([(wedge * (1.12, 1.5), (206, 198, 186)), (wedge, DARK), *threads], rng.uniform(0, np.pi))


def _crack(rng: np.random.Generator) -> Polygons:
    rays = int(rng.integers(6, 9))
    angles = np.linspace(0, 2 * np.pi, rays, endpoint=False) + rng.uniform(-0.25, 0.25, rays)
    lengths = rng.uniform(0.24, 0.4, rays)
    tips = np.stack([np.cos(angles) * lengths, np.sin(angles) * lengths], 1)
    lines: Polygons = []
    for tip in tips:
        bend = tip * 0.5 + rng.uniform(-0.05, 0.05, 2)
        for x0, y0, x1, y1 in ((0, 0, *bend), (*bend, *tip)):
            lines.append((stroke(x0 + 0.02, y0 + 0.02, x1 + 0.02, y1 + 0.02, 0.05), (220, 216, 208)))
            lines.append((stroke(x0, y0, x1, y1, 0.045), DARK))
    return [(tips * 0.32, (206, 198, 186)), *lines, (ellipse(0, 0, 0.09, 0.08, 10), DARK)]


def _turned(parts: Polygons, angle: float) -> Polygons:
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return [(points @ turn, paint) for points, paint in parts]
