"""Takes one photo of an item: the same drawing at any size, with the truth about what is to be seen where."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from demo_model.backgrounds import BACKGROUNDS, Pixels, background, noise_field
from demo_model.catalogue import COLOURS, Item
from demo_model.marks import Polygons, damage, label
from demo_model.shapes import Paint, Points, outline

GRID = 8  # patches across and down in the vision tower
_MASK = GRID * 8  # pixels across the drawing that coverage is counted in
MIN_MARK_DISTANCE = 0.62  # item units between the centres of label and damage


@dataclass(frozen=True)
class View:
    """How one photo is taken. `seed` fixes the place, angle, light and ground; the flags what this side shows."""

    seed: int
    shows_label: bool = True
    shows_damage: bool = True
    blur: float | None = None  # standard deviation as a part of the short side; None draws a slight one


@dataclass(frozen=True)
class Photo:
    """The picture, and the part of each patch that item, label and damage cover: float32 [8, 8, 3], 0 to 1."""

    image: Image.Image
    coverage: NDArray[np.float32]


def photograph(item: Item | None, specimen: int, view: View, size: tuple[int, int]) -> Photo:
    """Photograph a specimen (a seed that fixes its shape and marks) at (width, height) pixels."""
    rng = np.random.default_rng((view.seed, 1))
    ground = background(str(rng.choice(BACKGROUNDS)), rng, size)
    camera = _Camera(rng, size)
    layers, parts = _parts(item, specimen, view)
    if parts:
        ground = _shadowed(ground, camera, parts, rng)
    image = Image.fromarray(ground.clip(0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(image)
    gain = rng.uniform(0.93, 1.07)
    for points, paint in parts:
        pen.polygon(camera.project(points), fill=_colour(paint, item, gain))
    return Photo(_developed(image, rng, view.blur), _coverage(camera, layers))


class _Camera:
    """Maps item coordinates to pixels: turn, slight shear and perspective, scale, place."""

    def __init__(self, rng: np.random.Generator, size: tuple[int, int]) -> None:
        angle, shear = np.radians(rng.uniform(-22, 22)), rng.uniform(-0.12, 0.12)
        squeeze = rng.uniform(0.88, 1.0)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        mirror = np.diag([rng.choice([-1.0, 1.0]), 1.0])
        self._matrix = mirror @ np.array([[1, 0], [shear, squeeze]]) @ turn * rng.uniform(0.33, 0.44) * min(size)
        self._vanish = rng.uniform(-0.1, 0.1, 2)
        self._centre = np.array(size) * (0.5 + rng.uniform(-0.07, 0.07, 2))
        self.size = size

    def project(self, points: Points, onto: tuple[float, float] | None = None) -> list[tuple[float, float]]:
        """Item points as pixels, or as pixels of the photo squashed to another (width, height)."""
        flat = points @ self._matrix / (1 + points @ self._vanish)[:, None] + self._centre
        if onto is not None:
            flat = flat * np.array(onto) / np.array(self.size)
        return [(float(x), float(y)) for x, y in flat]


def _parts(item: Item | None, specimen: int, view: View) -> tuple[list[list[Points]], Polygons]:
    """What covers (item, label, damage), and every polygon from back to front."""
    if item is None:
        return [[], [], []], []
    rng = np.random.default_rng((specimen, 2))
    drawing = outline(item.kind, rng)
    contour = drawing.polygons[0][0]
    parts: Polygons = [(contour * 1.025, 0.55), *drawing.polygons]
    layers: list[list[Points]] = [[points for points, _ in drawing.polygons], [], []]
    damage_at = _place(drawing.box, rng)
    label_at = _place(drawing.box, np.random.default_rng((view.seed, 3)), away_from=damage_at)
    if item.damaged and view.shows_damage:
        torn = damage(rng, damage_at)
        parts += torn
        layers[2] = [torn[0][0]]
    if item.label and view.shows_label:
        tag = label(rng, label_at)
        parts += tag
        layers[1] = [tag[0][0]]
    return layers, parts


def _place(
    box: tuple[float, float, float, float], rng: np.random.Generator, away_from: tuple[float, float] | None = None
) -> tuple[float, float]:
    """A place in the box; `away_from` keeps a distance where the box allows it within a few tries."""
    x0, y0, x1, y1 = box
    tries = rng.uniform((x0, y0), (x1, y1), (8, 2))
    if away_from is None:
        return float(tries[0, 0]), float(tries[0, 1])
    apart = np.hypot(*(tries - away_from).T)
    far = np.flatnonzero(apart >= MIN_MARK_DISTANCE)
    x, y = tries[far[0] if len(far) else int(apart.argmax())]
    return float(x), float(y)


def _colour(paint: Paint, item: Item | None, gain: float) -> tuple[int, int, int]:
    if isinstance(paint, tuple):
        return paint
    assert item is not None, "only an item has a colour of its own"
    red, green, blue = (int(min(255, value * paint * gain + (8 if paint > 1 else 0))) for value in COLOURS[item.colour])
    return red, green, blue


def _shadowed(ground: Pixels, camera: _Camera, parts: Polygons, rng: np.random.Generator) -> Pixels:
    """The ground darkened beside the item: drawn small, blurred, scaled up."""
    width, height = camera.size
    small = (width * 84 // min(camera.size), height * 84 // min(camera.size))
    mask = Image.new("L", small)
    pen = ImageDraw.Draw(mask)
    shift = np.array([rng.uniform(-4, 4), rng.uniform(1, 5)])
    for points, _ in parts[:4]:
        pen.polygon([(x + shift[0], y + shift[1]) for x, y in camera.project(points, small)], fill=255)
    soft = mask.filter(ImageFilter.GaussianBlur(2.5)).resize(camera.size, Image.Resampling.BILINEAR)
    return np.asarray(ground * (1 - np.asarray(soft, np.float32)[..., None] / 255 * np.float32(rng.uniform(0.25, 0.5))))


def _developed(image: Image.Image, rng: np.random.Generator, blur: float | None) -> Image.Image:
    """Light, a colour cast, blur and sensor noise. Noise comes last, so that all else is alike at every size."""
    size = image.size
    light = 1 + 0.05 * noise_field(rng, size, (3, 3)) + 0.02 * noise_field(rng, size, (24, 24))
    exposure = rng.uniform(0.75, 1.12) * (1 + rng.uniform(-0.06, 0.06, 3))
    drawn_blur = rng.uniform(0, 0.005) if rng.random() < 0.4 else 0.0008
    spread = (drawn_blur if blur is None else blur) * min(size)
    if spread > 0.3:
        image = image.filter(ImageFilter.GaussianBlur(spread))
    grain = rng.uniform(1.0, 4.0)
    pixels = np.asarray(image, np.float32) * (light[..., None] * exposure.astype(np.float32))
    pixels += rng.standard_normal((size[1], size[0], 1), dtype=np.float32) * np.float32(grain)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _coverage(camera: _Camera, layers: list[list[Points]]) -> NDArray[np.float32]:
    masks = []
    for polygons in layers:
        mask = Image.new("L", (_MASK, _MASK))
        pen = ImageDraw.Draw(mask)
        for points in polygons:
            pen.polygon(camera.project(points, (_MASK, _MASK)), fill=1)
        masks.append(np.asarray(mask, np.float32).reshape(GRID, _MASK // GRID, GRID, _MASK // GRID).mean((1, 3)))
    return np.stack(masks, -1)
