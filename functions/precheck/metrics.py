"""The measurements themselves, each on 8-bit luma.

Sharpness is the variance of the Laplacian (Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy",
ICPR 2000); the fingerprint is dHash, the signs of horizontal gradients of a 9 x 8 thumbnail.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

TILT_LONG_SIDE_PX = 512
TILT_CLEARNESS = 2.5  # the peak of the edge directions must stand this many times above their mean to mean anything


def luma_histogram(luma: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Share of pixels at each of the 256 levels."""
    counts = np.bincount(luma.ravel(), minlength=256)
    return counts / luma.size


def sharpness(luma: NDArray[np.uint8]) -> float:
    """Variance of the 4-neighbour Laplacian; 0 for a photo too small to have one."""
    if min(luma.shape) < 3:
        return 0.0
    wide = luma.astype(np.int16)
    laplacian = wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:] - 4 * wide[1:-1, 1:-1]
    return float(laplacian.astype(np.float32).var())


def brightness(histogram: NDArray[np.float64]) -> float:
    """Mean luma, 0-255."""
    return float(histogram @ np.arange(256))


def contrast(histogram: NDArray[np.float64]) -> float:
    """Standard deviation of luma."""
    levels = np.arange(256)
    return float(np.sqrt(histogram @ (levels - histogram @ levels) ** 2))


def clipped_fraction(histogram: NDArray[np.float64]) -> float:
    """Share of pixels that are as good as black (below 16) or white (above 239)."""
    return float(histogram[:16].sum() + histogram[240:].sum())


def tilt_degrees(gray: Image.Image) -> float:
    """By how much the strong edges, taken together, lean from upright and level: -45 to 45, 0 where they don't agree.

    A histogram of gradient directions, weighted by strength and smoothed; its peak refined by the centre of mass.
    """
    small = gray.copy()
    small.thumbnail((TILT_LONG_SIDE_PX, TILT_LONG_SIDE_PX), Image.Resampling.BOX)
    luma = np.asarray(small.filter(ImageFilter.GaussianBlur(2)), np.float32)
    if min(luma.shape) < 3:
        return 0.0
    across = luma[1:-1, 2:] - luma[1:-1, :-2]
    down = luma[2:, 1:-1] - luma[:-2, 1:-1]
    strength = np.hypot(across, down)
    strong = strength > np.quantile(strength, 0.85)
    if not strong.any():
        return 0.0
    lean = np.degrees(np.arctan2(down[strong], across[strong])) % 90
    lean[lean > 45] -= 90
    counts, edges = np.histogram(lean, bins=180, range=(-45, 45), weights=strength[strong])
    smooth = np.convolve(np.r_[counts[-3:], counts, counts[:3]], [1, 2, 3, 4, 3, 2, 1], "valid")
    peak = int(smooth.argmax())
    if smooth[peak] < TILT_CLEARNESS * smooth.mean():
        return 0.0
    around = counts[np.arange(peak - 3, peak + 4) % 180]
    offset = float((around * np.arange(-3, 4) * 0.5).sum() / (around.sum() + 1e-9))
    return float((edges[peak] + edges[peak + 1]) / 2 + offset)


def fingerprint(gray: Image.Image) -> int:
    """64 bits; the same photo again, resized or re-encoded, differs in few of them."""
    small = np.asarray(gray.resize((9, 8), Image.Resampling.BOX), np.int16)
    bits = (small[:, 1:] > small[:, :-1]).ravel()
    return int("".join("1" if bit else "0" for bit in bits), 2)
