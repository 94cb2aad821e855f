"""The measurements, on photographs and on pictures drawn so that the answer is known."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from skimage import data

from precheck import metrics

PHOTOGRAPHS = ("coffee", "astronaut", "chelsea", "camera", "rocket")


def photograph(name: str) -> Image.Image:
    return Image.fromarray(getattr(data, name)()).convert("L")


def luma(image: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(image)


def grid(tilt_degrees: float, noise: float = 3.0) -> Image.Image:
    """Dark lines on a light ground, turned clockwise by `tilt_degrees`; the middle of a larger picture."""
    large = Image.new("L", (1400, 1400), 200)
    draw = ImageDraw.Draw(large)
    for at in range(0, 1400, 90):
        draw.line((at, 0, at, 1400), fill=60, width=8)
        draw.line((0, at, 1400, at), fill=60, width=8)
    turned = large.rotate(-tilt_degrees, Image.Resampling.BICUBIC).crop((300, 400, 1100, 1000))
    noisy = luma(turned) + np.random.default_rng(0).normal(0, noise, (600, 800))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_blur_lowers_sharpness_step_by_step(name: str) -> None:
    image = photograph(name)
    radii = (0, 0.5, 1, 1.5, 2, 3, 5, 8)
    sharpness = [metrics.sharpness(luma(image.filter(ImageFilter.GaussianBlur(radius)))) for radius in radii]
    assert sharpness == sorted(sharpness, reverse=True)
    assert sharpness[0] > 10 * sharpness[-1]


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_sharpness_is_the_variance_of_opencvs_laplacian(name: str) -> None:
    pixels = luma(photograph(name))
    expected = cv2.Laplacian(pixels, cv2.CV_64F)[1:-1, 1:-1].var()
    assert metrics.sharpness(pixels) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_histogram_gives_mean_and_deviation(name: str) -> None:
    pixels = luma(photograph(name))
    histogram = metrics.luma_histogram(pixels)
    assert histogram.sum() == pytest.approx(1)
    assert metrics.brightness(histogram) == pytest.approx(pixels.mean())
    assert metrics.contrast(histogram) == pytest.approx(pixels.std())


def test_clipped_share() -> None:
    pixels = np.array([[0, 15, 16, 128], [239, 240, 255, 100]], np.uint8)
    assert metrics.clipped_fraction(metrics.luma_histogram(pixels)) == pytest.approx(4 / 8)


@pytest.mark.parametrize("tilt", [-30, -20, -10, -5, -2, 0, 2, 5, 10, 20, 30, 40])
def test_tilt_has_the_right_sign_and_size(tilt: int) -> None:
    assert metrics.tilt_degrees(grid(tilt)) == pytest.approx(tilt, abs=2)


@pytest.mark.parametrize(
    "image",
    [
        Image.new("L", (800, 600), 128),
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (600, 800)).astype(np.uint8)),
    ],
    ids=["flat", "noise"],
)
def test_no_tilt_where_edges_do_not_agree(image: Image.Image) -> None:
    assert metrics.tilt_degrees(image) == 0


def distance(first: Image.Image, second: Image.Image) -> int:
    return (metrics.fingerprint(first) ^ metrics.fingerprint(second)).bit_count()


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_the_same_photo_again_keeps_its_fingerprint(name: str) -> None:
    image = photograph(name)
    assert distance(image, image.resize((image.width // 2, image.height // 2))) <= 3
    brighter = Image.fromarray((luma(image) * 0.8 + 20).astype(np.uint8))
    assert distance(image, brighter) <= 3


def test_other_photos_have_other_fingerprints() -> None:
    images = [photograph(name) for name in PHOTOGRAPHS]
    assert min(distance(a, b) for i, a in enumerate(images) for b in images[:i]) > 12
