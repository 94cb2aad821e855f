"""Whether two photos are one picture: encoded anew, resized, brightened, turned a little, cropped by up to 15 % a side.

Of a photo is kept how its middle 70 % looks, which is all there even in a crop: the signs of the 16 x 16 lowest terms
of a discrete cosine transform, as in pHash (Zauner, "Implementation and benchmarking of perceptual image hash
functions", 2010) and, with as many bits, PDQ (Facebook, "The TMK+PDQF video-hashing algorithm and the PDQ image-hashing
algorithm", 2019). Where in a new photo the middle of an older one would be depends on how either was cropped, so the
new one is read in many windows, and the nearest counts.

A window's transform is two small matrices around the photo, one for its columns and one for its rows; those of all
windows are stacked, so that hundreds of windows cost one product.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE_PX = 128  # a photo is squeezed into this square: what a crop takes of a side is then a fraction of it
MARGIN = 0.15  # what is not of the middle, of each side; also the largest crop
TERMS = 16
COARSE_STEP, FINE_STEP = 0.05, 0.025  # of a side, between two crops that are tried
MAX_DISTANCE = 34  # bits of 256; docs/photos.md has the measurement
MAX_COARSE_DISTANCE = 80  # a coarse window may lie half a step beside the true one on all four sides
BANDS, BAND_BITS = 3, 16
SAMPLES = 32  # of a window's side: twice as many as terms
FLAT = 1.0  # a thousandth of a level of luma, over all samples: rounding, or a plain photo
BATCH = 2000  # appearances compared at once, for the memory it takes

Signs = NDArray[np.float32]


@dataclass(frozen=True)
class Appearance:
    """What is kept of a photo: 256 bits, and the bands of them that it is found by."""

    bits: bytes
    bands: tuple[int, int, int]


class Look:
    """One photo as it is compared with earlier ones. `thumbnail` is `thumbnail_of` it."""

    def __init__(self, thumbnail: bytes) -> None:
        self._luma = np.frombuffer(thumbnail, np.uint8).reshape(SIDE_PX, SIDE_PX).astype(np.float32)

    def appearance(self) -> Appearance:
        """What is kept of it."""
        transform = _transform(MARGIN, 1 - MARGIN)
        signs = _signs(transform @ self._luma @ transform.T)
        first, second, third = (int(keys[0]) for keys in _band_values(signs))
        return Appearance(np.packbits(signs > 0).tobytes(), (first, second, third))

    def bands(self) -> tuple[list[int], list[int], list[int]]:
        """The values of each band that an earlier photo of the same picture may have."""
        first, second, third = (np.unique(values).tolist() for values in _band_values(self._windows(COARSE_STEP)))
        return first, second, third

    def distances(self, appearances: Sequence[bytes]) -> list[int]:
        """Bits by which each differs from the nearest window of this photo; those of one picture by at most
        MAX_DISTANCE. What is far from it is told roughly."""
        if not appearances:
            return []
        packed = np.frombuffer(b"".join(appearances), np.uint8).reshape(-1, TERMS * TERMS // 8)
        kept = np.unpackbits(packed, axis=1).astype(np.float32) * 2 - 1
        found = _nearest(self._windows(COARSE_STEP), kept)
        close = np.flatnonzero(found <= MAX_COARSE_DISTANCE)
        if close.size:
            found[close] = np.minimum(found[close], _nearest(self._windows(FINE_STEP), kept[close]))
        return [int(each) for each in found]

    def _windows(self, step: float) -> Signs:
        """Signs of all windows, [windows, 256]."""
        signs = []
        for transforms in _stacked(step):
            places = len(transforms) // TERMS
            terms = (transforms @ self._luma @ transforms.T).reshape(places, TERMS, places, TERMS)
            signs.append(_signs(terms.transpose(0, 2, 1, 3)))
        return np.concatenate(signs)


def thumbnail_of(gray: Image.Image) -> bytes:
    """Luma of the upright photo, squeezed to 128 x 128, row by row."""
    return gray.resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX).tobytes()


def _signs(terms: NDArray[np.floating[Any]]) -> Signs:
    """1 and -1, [..., 256]. The first term is the brightness, which says nothing: always 1."""
    signs = np.where(terms.reshape(-1, TERMS * TERMS) > FLAT, np.float32(1), np.float32(-1))
    signs[:, 0] = 1
    return signs


def _nearest(windows: Signs, kept: Signs) -> NDArray[np.int64]:
    """Of +-1 vectors of n, the distance in bits is (n - their product) / 2."""
    products = [(kept[start : start + BATCH] @ windows.T).max(axis=1) for start in range(0, len(kept), BATCH)]
    nearest: NDArray[np.int64] = ((TERMS * TERMS - np.concatenate(products)) / 2).round().astype(np.int64)
    return nearest


def _band_values(signs: Signs) -> list[NDArray[np.int64]]:
    """The lowest terms, which a shift of the window changes least, as BANDS numbers of BAND_BITS each."""
    bits = signs[:, _lowest_first()[1:]] > 0
    weights = 1 << np.arange(BAND_BITS)
    return [bits[:, start : start + BAND_BITS] @ weights for start in range(0, BANDS * BAND_BITS, BAND_BITS)]


@cache
def _lowest_first() -> NDArray[np.int64]:
    """Indexes of the terms by their frequency, diagonal by diagonal."""
    down, across = np.divmod(np.arange(TERMS * TERMS), TERMS)
    order: NDArray[np.int64] = np.lexsort((across, across + down))
    return order


@cache
def _stacked(step: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The transforms of a side for all pairs of crops of its two ends: first where this photo is the crop of the
    other, then where the other is a crop of it. Each [places * 16, 128]."""
    shares: list[float] = np.arange(0, MARGIN + 1e-9, step).tolist()
    crops = list(product(shares, repeat=2))
    cropped = [_transform(*_middle_in_crop(near, far)) for near, far in crops]
    whole = [_transform(*_middle_of_crop(near, far)) for near, far in crops]
    return np.concatenate(cropped), np.concatenate(whole)


def _middle_in_crop(near: float, far: float) -> tuple[float, float]:
    """Where in its crop the middle of a photo is."""
    return (MARGIN - near) / (1 - near - far), (1 - MARGIN - near) / (1 - near - far)


def _middle_of_crop(near: float, far: float) -> tuple[float, float]:
    """Where in a photo the middle of its crop is."""
    left = 1 - near - far
    return near + MARGIN * left, near + (1 - MARGIN) * left


@cache
def _transform(start: float, end: float) -> NDArray[np.float32]:
    """The lowest cosine terms of what lies between two places of a side, each 0 to 1: [16, 128]."""
    edges = np.linspace(start, end, SAMPLES + 1) * SIDE_PX
    pixels = np.arange(SIDE_PX)
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = covered.clip(0)
    weights /= weights.sum(axis=1, keepdims=True)
    waves = np.cos(np.pi * np.arange(TERMS)[:, None] * (np.arange(SAMPLES) + 0.5) / SAMPLES)
    transform: NDArray[np.float32] = (waves @ weights).astype(np.float32)
    return transform
