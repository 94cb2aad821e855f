"""Pre-checks of a 12-megapixel JPEG: ours from one reduced decode, beside the same measurements by OpenCV at full size.

Photos are scikit-image's sample photographs, brought to 12 megapixels and blurred by known amounts; the two sharpness
rankings are compared by Spearman's rank correlation.
"""

import io
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import cv2
import numpy as np
import skimage.data
from PIL import Image, ImageFilter
from scipy.stats import spearmanr

from benchmarks.report import arguments, median, tell
from core.photo_pixels import prepare
from precheck.photo import analyse

NAMES = ("astronaut", "coffee", "chelsea", "rocket", "retina", "immunohistochemistry", "hubble_deep_field")
BLUR_PX = (0, 1, 2, 3, 5, 8)
WIDTH, HEIGHT = 4000, 3000
NOISE = 1.0  # standard deviation of luma, about what a phone leaves after its own denoising
LONG_SIDE_PX = 1344


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--repeat", type=int, default=3, help="measurements of each photo; the median counts")
    options = parser.parse_args()
    photos = [jpeg(name, blur) for name in NAMES for blur in BLUR_PX]
    ours: list[tuple[float, float]] = []
    full: list[tuple[float, float]] = []
    prepared: list[tuple[float, float]] = []
    cv2.setNumThreads(1)  # ours runs on one, as a Lambda of 1,769 MB does
    for photo in photos:  # side by side, photo by photo, so that the machine's moods fall on both
        ours.append(timed(partial(our_sharpness, photo), options.repeat))
        full.append(timed(partial(full_size_opencv, photo), options.repeat))
        prepared.append(timed(partial(prepared_size, photo), options.repeat))
    our_ms, full_ms, prepare_ms = (median([ms for ms, _ in column]) for column in (ours, full, prepared))
    agreement = float(spearmanr([value for _, value in ours], [value for _, value in full]).statistic)
    truth = [-blur for _ in NAMES for blur in BLUR_PX]
    rows: list[dict[str, Any]] = [
        {"way": "all checks, one reduced decode", "ms a photo": our_ms, "times faster": full_ms / our_ms},
        {"way": "all checks, OpenCV at full size", "ms a photo": full_ms, "times faster": 1.0},
        {
            "way": "preparing a usable photo (upright, 1344 px)",
            "ms a photo": prepare_ms,
            "times faster": full_ms / prepare_ms,
        },
    ]
    tell(
        f"Pre-checks of {len(photos)} JPEGs of 12 megapixels, one thread, medians",
        rows,
        options.json,
        rank_agreement_of_sharpness=agreement,
        rank_agreement_within_a_photo=within(ours, full),
        ours_with_true_blur_within_a_photo=within(ours, [(0.0, float(value)) for value in truth]),
        full_size_with_true_blur_within_a_photo=within(full, [(0.0, float(value)) for value in truth]),
        kilobytes_in=median([len(photo) / 1000 for photo in photos]),
        kilobytes_prepared=median([size / 1000 for _, size in prepared]),
    )


def jpeg(name: str, blur_px: float) -> bytes:
    """One sample photograph at 12 megapixels, blurred by a Gaussian of `blur_px`, with a sensor's noise on top.

    The sample is enlarged twofold, which is about as soft as a phone's pixels are, and mirrored over the whole frame:
    enlarging it to 12 megapixels would leave nothing sharp to be blurred.
    """
    array = np.asarray(getattr(skimage.data, name)())[..., :3]
    soft = Image.fromarray(array).resize((array.shape[1] * 2, array.shape[0] * 2), Image.Resampling.LANCZOS)
    tile = np.asarray(soft)
    padding = ((0, HEIGHT), (0, WIDTH), (0, 0))
    frame = Image.fromarray(np.pad(tile, padding, mode="symmetric")[:HEIGHT, :WIDTH])
    blurred = np.asarray(frame.filter(ImageFilter.GaussianBlur(blur_px)), np.float32)
    noise = np.random.default_rng(0).normal(0, NOISE, (HEIGHT, WIDTH, 1)).astype(np.float32)
    buffer = io.BytesIO()
    Image.fromarray((blurred + noise).clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def our_sharpness(data: bytes) -> float:
    """All of our measurements; returns the variance of the Laplacian."""
    return analyse(data, "image/jpeg").sharpness


def prepared_size(data: bytes) -> float:
    """Prepares the photo; returns its bytes' number."""
    return float(len(prepare(data, "image/jpeg", LONG_SIDE_PX)))


def full_size_opencv(data: bytes) -> float:
    """The same measurements on every pixel; returns the variance of the Laplacian."""
    gray = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE))
    sharpness = float(cv2.Laplacian(gray, cv2.CV_32F).var())
    cv2.meanStdDev(gray)
    cv2.calcHist([gray], [0], None, [256], [0, 256])
    strength, angle = cv2.cartToPolar(
        cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1), angleInDegrees=True
    )
    np.histogram(angle[strength > 50] % 90, bins=180)
    cv2.resize(gray, (9, 8), interpolation=cv2.INTER_AREA)
    return sharpness


def timed(run: Callable[[], float], repeat: int) -> tuple[float, float]:
    """Median milliseconds, and what it returned."""
    spent = []
    for _ in range(repeat):
        start = time.perf_counter()
        value = run()
        spent.append((time.perf_counter() - start) * 1000)
    return median(spent), value


def within(one: list[tuple[float, float]], other: list[tuple[float, float]]) -> float:
    """Mean rank agreement over the blurred versions of each photo: what a threshold on blur lives from."""
    size = len(BLUR_PX)
    found = [
        spearmanr([v for _, v in one[start : start + size]], [v for _, v in other[start : start + size]]).statistic
        for start in range(0, len(one), size)
    ]
    return float(np.mean(found))


if __name__ == "__main__":
    main()
