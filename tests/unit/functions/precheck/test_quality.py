"""From measurements to one verdict and one hint."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from precheck.photo import Analysis, analyse
from precheck.quality import HINTS, damaged, judge
from tests.fakes.inspections import CHECKLIST
from tests.fakes.photos import encode, scene

THRESHOLDS = CHECKLIST.photos.thresholds
GOOD = Analysis(
    width=1600,
    height=1200,
    sharpness=200,
    brightness=120,
    clipped_fraction=0.05,
    contrast=50,
    tilt_degrees=3,
    fingerprint=0,
    thumbnail=b"",
)


def shaded(factor: float, plus: float = 0) -> Image.Image:
    pixels = np.asarray(scene(), np.float32) * factor + plus
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def failed(analysis: Analysis, earlier: dict[int, int] | None = None) -> tuple[list[str], str | None]:
    quality = judge(analysis, THRESHOLDS, earlier or {})
    return [check.name for check in quality.checks if not check.passed], quality.hint


def test_good_photo() -> None:
    quality = judge(GOOD, THRESHOLDS, {})
    assert (quality.verdict, quality.hint) == ("usable", None)
    assert [check.name for check in quality.checks] == [
        "resolution",
        "brightness",
        "exposure",
        "contrast",
        "sharpness",
        "tilt",
        "duplicate",
    ]
    assert quality.score > 0.5


@pytest.mark.parametrize(
    ("change", "check", "hint"),
    [
        ({"width": 479}, "resolution", "resolution"),
        ({"height": 479}, "resolution", "resolution"),
        ({"sharpness": 7.9}, "sharpness", "sharpness"),
        ({"brightness": 44.9}, "brightness", "too_dark"),
        ({"brightness": 225.1}, "brightness", "too_bright"),
        ({"clipped_fraction": 0.61}, "exposure", "exposure"),
        ({"contrast": 17.9}, "contrast", "contrast"),
        ({"tilt_degrees": 30.1}, "tilt", "tilt"),
        ({"tilt_degrees": -30.1}, "tilt", "tilt"),
    ],
)
def test_each_check_has_its_hint(change: dict[str, float], check: str, hint: str) -> None:
    assert failed(replace(GOOD, **change)) == ([check], HINTS[hint])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        {"width": 480},
        {"sharpness": 8},
        {"brightness": 45},
        {"brightness": 225},
        {"contrast": 18},
        {"tilt_degrees": -30},
    ],
)
def test_the_threshold_itself_passes(change: dict[str, float]) -> None:
    quality = judge(replace(GOOD, **change), THRESHOLDS, {})  # type: ignore[arg-type]
    assert quality.verdict == "usable"
    assert quality.score == pytest.approx(0.5)


def test_duplicate_names_the_photo_it_repeats() -> None:
    names, hint = failed(replace(GOOD, fingerprint=0b1110), earlier={0: 2**63 - 1, 3: 0b1100, 4: 0xFFFF})
    assert names == ["duplicate"]
    assert hint == "It shows the same view as photo 4. Take one from another side."


def test_the_cause_is_told_before_what_it_causes() -> None:
    names, hint = failed(replace(GOOD, sharpness=1, brightness=10, contrast=2))
    assert names == ["brightness", "contrast", "sharpness"]
    assert hint == HINTS["too_dark"]


def test_damaged_photo() -> None:
    quality = damaged()
    assert (quality.score, quality.verdict, quality.hint) == (0, "retake", HINTS["readable"])


@pytest.mark.parametrize(
    ("image", "check", "hint"),
    [
        (shaded(0.15), "brightness", "too_dark"),
        (shaded(0.2, 205), "brightness", "too_bright"),
        (shaded(0.1, 110), "contrast", "contrast"),
        (scene().filter(ImageFilter.GaussianBlur(12)), "sharpness", "sharpness"),
        (scene().resize((400, 300)), "resolution", "resolution"),
        (scene().convert("L").point([5] * 118 + [250] * 138).convert("RGB"), "exposure", "exposure"),
        (Image.new("RGB", (800, 600), (128, 128, 128)), "contrast", "contrast"),
    ],
    ids=["dark", "bright", "dull", "blurred", "small", "hard light", "flat"],
)
def test_spoilt_photo_gets_its_hint(image: Image.Image, check: str, hint: str) -> None:
    names, found = failed(analyse(encode(image, quality=95), "image/jpeg"))
    assert check in names
    assert found == HINTS[hint]


def test_usable_scene_is_usable() -> None:
    for seed in range(6):
        assert failed(analyse(encode(scene(seed)), "image/jpeg")) == ([], None)


numbers = st.floats(0, 1e6, allow_nan=False)


@given(
    st.builds(
        Analysis,
        width=st.integers(1, 10_000),
        height=st.integers(1, 10_000),
        sharpness=numbers,
        brightness=st.floats(0, 255),
        clipped_fraction=st.floats(0, 1),
        contrast=st.floats(0, 128),
        tilt_degrees=st.floats(-45, 45),
        fingerprint=st.integers(0, 2**64 - 1),
    ),
    st.dictionaries(st.integers(0, 5), st.integers(0, 2**64 - 1)),
)
def test_score_verdict_and_hint_agree(analysis: Analysis, earlier: dict[int, int]) -> None:
    quality = judge(analysis, THRESHOLDS, earlier)
    assert 0 <= quality.score <= 1
    assert (quality.verdict == "usable") == all(check.passed for check in quality.checks)
    assert (quality.hint is None) == (quality.verdict == "usable")
    assert quality.score >= 0.499 if quality.verdict == "usable" else quality.score <= 0.501
