"""From measurements to a verdict on one photo, and to the one thing the courier should do differently."""

from collections.abc import Mapping

from core.checklists import PhotoThresholds
from core.contract import CheckName, PhotoQuality, QualityCheck
from precheck.photo import Analysis

HINTS = {
    "readable": "The photo file is damaged. Take the photo again.",
    "resolution": "The photo is too small. Use the camera at its normal photo size, not a screenshot or a preview.",
    "sharpness": "The photo is blurred. Hold the phone still, wait until it has focused, and take it again.",
    "too_dark": "The photo is too dark. Switch on a light or the flash and take it again.",
    "too_bright": "The photo is too bright. Turn away from the light and take it again.",
    "exposure": "Large parts are plain black or white. Avoid strong light behind the item and take it again.",
    "contrast": "Hardly anything can be told apart. Wipe the lens, go closer, or use another background.",
    "tilt": "The phone was held at a slant. Hold it in line with the edge of the parcel and take it again.",
    "duplicate": "It shows the same view as photo {other}. Take one from another side.",
}


def judge(analysis: Analysis, thresholds: PhotoThresholds, earlier: Mapping[int, int]) -> PhotoQuality:
    """`earlier` are the fingerprints of the inspection's photos before this one, by their indexes.

    The score is that of the worst check: 0.5 at its threshold, towards 1 the further it is passed. Light is judged
    before sharpness, for its faults look like blur; the hint is for the first check that failed.
    """
    too_dark = analysis.brightness < (thresholds.min_brightness + thresholds.max_brightness) / 2
    distances = {index: (analysis.fingerprint ^ other).bit_count() for index, other in earlier.items()}
    graded = [
        _at_least("resolution", min(analysis.width, analysis.height), thresholds.min_short_side_px),
        _at_least("brightness", analysis.brightness, thresholds.min_brightness)
        if too_dark
        else _at_most("brightness", analysis.brightness, thresholds.max_brightness),
        _at_most("exposure", analysis.clipped_fraction, thresholds.max_clipped_fraction),
        _at_least("contrast", analysis.contrast, thresholds.min_contrast),
        _at_least("sharpness", analysis.sharpness, thresholds.min_sharpness),
        _at_most("tilt", abs(analysis.tilt_degrees), thresholds.max_tilt_degrees),
        _at_least("duplicate", min(distances.values(), default=64), thresholds.min_distance_bits),
    ]
    failed = next((check for check, _ in graded if not check.passed), None)
    return PhotoQuality(
        score=round(min(score for _, score in graded), 3),
        verdict="usable" if failed is None else "retake",
        checks=[check for check, _ in graded],
        hint=None if failed is None else _hint(failed.name, too_dark, distances),
    )


def damaged() -> PhotoQuality:
    """A photo whose file can't be decoded."""
    check = QualityCheck(name="readable", value=0, threshold=1, passed=False)
    return PhotoQuality(score=0, verdict="retake", checks=[check], hint=HINTS["readable"])


def _at_least(name: CheckName, value: float, threshold: float) -> tuple[QualityCheck, float]:
    check = QualityCheck(name=name, value=round(value, 3), threshold=threshold, passed=value >= threshold)
    return check, _share(value, threshold)


def _at_most(name: CheckName, value: float, threshold: float) -> tuple[QualityCheck, float]:
    check = QualityCheck(name=name, value=round(value, 3), threshold=threshold, passed=value <= threshold)
    return check, _share(threshold, value)


def _share(good: float, bad: float) -> float:
    return good / (good + bad) if good + bad else 0.5


def _hint(name: str, too_dark: bool, distances: Mapping[int, int]) -> str:
    if name == "brightness":
        name = "too_dark" if too_dark else "too_bright"
    if name == "duplicate":
        return HINTS[name].format(other=min(distances, key=lambda index: distances[index]) + 1)
    return HINTS[name]
