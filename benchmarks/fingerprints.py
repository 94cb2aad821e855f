"""Photos handed in before: how surely another form of a photo is recognised, how surely another photo is not.

Each photo is changed in many ways and compared with itself as it was. Real photographs are scikit-image's samples;
drawn ones are the demo's in `events/photos` and further views of drawn items, which share grounds, kinds and colours.
"Found" counts what is also brought up by one of the bands.

    OMP_NUM_THREADS=1 PYTHONPATH=functions:endpoint_container python -m benchmarks.fingerprints
"""

import io
import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
from PIL import Image, ImageEnhance

from benchmarks.report import arguments, console, median, percentile, show, tell
from demo_model.catalogue import COLOURS, KINDS, Item
from demo_model.photograph import View, photograph
from precheck.appearance import MARGIN, MAX_DISTANCE, Look, thumbnail_of

SAMPLES = ("astronaut", "coffee", "chelsea", "rocket", "retina", "immunohistochemistry", "hubble_deep_field", "camera")
FOLDER = Path(__file__).parents[1] / "events" / "photos"
SIZE = (400, 300)
VIEWS = 4  # of each drawn item
QUALITY = 75  # of what else is changed
Change = Callable[[Image.Image], Image.Image]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--drawn", type=int, default=400, help="views of drawn items")
    parser.add_argument("--changed", type=int, default=40, help="of these, how many are changed")
    options = parser.parse_args()
    real, drawn = dict(real_photos()), dict(drawn_photos(options.drawn))
    photos = real | drawn
    looks = {name: Look(thumbnail_of(photo.convert("L"))) for name, photo in photos.items()}
    subjects = [*real, *list(drawn)[: options.changed * VIEWS : VIEWS]]
    rows = [row(name, kind, photos, looks, subjects) for name, kind in changes(np.random.default_rng(0)).items()]
    others = [distances_to_others(group, looks) for group in (list(real), list(drawn))]
    show("Different photos", [other_row(name, found) for name, found in zip(("real", "drawn"), others, strict=True)])
    console.print()
    tell(
        f"The same photo in another form: {len(subjects)} photos, found at {MAX_DISTANCE} bits of 256 or fewer",
        rows,
        options.json,
        photos=len(photos),
        found=float(np.mean([each["found"] for each in rows[:-1]])),
        different_pairs=sum(len(found) for found, _ in others),
        different_pairs_taken_for_the_same=sum(int(np.sum(np.array(found) <= MAX_DISTANCE)) for found, _ in others),
        candidates_by_the_bands=float(np.mean([share for _, shares in others for share in shares])),
        ms_to_make=timed(lambda: Look(thumbnail_of(photos["coffee"].convert("L"))).appearance()),
        ms_of_bands_to_ask_for=timed(looks["coffee"].bands),
        ms_to_compare_with_1000=timed(lambda: looks["coffee"].distances([looks["rocket"].appearance().bits] * 1000)),
    )


def real_photos() -> Iterator[tuple[str, Image.Image]]:
    for name in SAMPLES:
        yield name, Image.fromarray(getattr(skimage.data, name)()).convert("RGB")


def drawn_photos(count: int) -> Iterator[tuple[str, Image.Image]]:
    """The demo's own, then as many views of specimens of every kind and colour."""
    for path in sorted(FOLDER.glob("*-[0-9].jpg")):
        yield path.stem, Image.open(path).convert("RGB")
    kinds = list(itertools.product(KINDS, COLOURS))
    for number in range(count):
        specimen = number // VIEWS
        kind, colour = kinds[specimen % len(kinds)]
        item = Item(kind, colour, label=bool(specimen % 2), damaged=bool(specimen % 3))
        yield f"drawn {number}", photograph(item, specimen, View(number, blur=0.0), SIZE).image


def changes(rng: np.random.Generator) -> dict[str, Change]:
    """By their names; the last one is beyond what is promised."""
    made: dict[str, Change] = {f"JPEG {quality}": partial(jpeg, quality=quality) for quality in (95, 70, 40)}
    made |= {f"resized to {scale:g}": as_jpeg(partial(resized, scale=scale)) for scale in (0.75, 0.5, 0.25)}
    made |= {f"brightness {by:+.0%}": as_jpeg(partial(brightened, by=by)) for by in (-0.2, 0.2)}
    for share in (0.02, 0.05, 0.08, 0.12, 0.15):
        cut = partial(cropped, left=share, top=share, right=share, bottom=share)
        made[f"cropped by {share:.0%} a side"] = as_jpeg(cut)
    made["cropped by 0 to 15 %, each side another"] = as_jpeg(lambda image: cropped(image, *rng.uniform(0, MARGIN, 4)))
    made["the earlier one was the crop"] = lambda image: image
    made |= {f"turned by {degrees} degrees": as_jpeg(partial(turned, degrees=degrees)) for degrees in (1, 2, 3)}
    made["cropped, halved, darker, JPEG 50"] = lambda image: jpeg(
        brightened(resized(cropped(image, *rng.uniform(0, 0.12, 4)), 0.5), -0.15), 50
    )
    made["cropped by 20 % a side"] = as_jpeg(lambda image: cropped(image, 0.2, 0.2, 0.2, 0.2))
    return made


def row(
    name: str, change: Change, photos: Mapping[str, Image.Image], looks: Mapping[str, Look], subjects: list[str]
) -> dict[str, Any]:
    distances, found = [], 0
    for subject in subjects:
        earlier, new = looks[subject], Look(thumbnail_of(change(photos[subject]).convert("L")))
        if name.startswith("the earlier"):
            part = jpeg(cropped(photos[subject], 0.1, 0.04, 0.07, 0.12))
            earlier, new = Look(thumbnail_of(part.convert("L"))), looks[subject]
        kept = earlier.appearance()
        (distance,) = new.distances([kept.bits])
        looked_up = any(band in values for band, values in zip(kept.bands, new.bands(), strict=True))
        found += looked_up and distance <= MAX_DISTANCE
        distances.append(float(distance))
    return {
        "change": name,
        "found": found / len(subjects),
        "bits, median": median(distances),
        "p90": percentile(distances, 0.9),
        "most": max(distances),
    }


def distances_to_others(names: list[str], looks: Mapping[str, Look]) -> tuple[list[float], list[float]]:
    """Of each photo of the group to all other photos; and the share of these that the bands bring up."""
    kept = {name: look.appearance() for name, look in looks.items()}
    distances: list[float] = []
    shares: list[float] = []
    for name in names:
        others = [appearance for other, appearance in kept.items() if other != name]
        distances += looks[name].distances([each.bits for each in others])
        asked = [set(values) for values in looks[name].bands()]
        hits = [any(band in values for band, values in zip(each.bands, asked, strict=True)) for each in others]
        shares.append(float(np.mean(hits)))
    return distances, shares


def other_row(name: str, found: tuple[list[float], list[float]]) -> dict[str, Any]:
    distances, shares = found
    return {
        "photos": name,
        "pairs": len(distances),
        "bits, least": min(distances),
        "one in 10,000": float(np.quantile(distances, 1e-4)),
        "one in 100": float(np.quantile(distances, 0.01)),
        "median": median(distances),
        "taken for the same": int(np.sum(np.array(distances) <= MAX_DISTANCE)),
        "brought up by bands": float(np.mean(shares)),
    }


def as_jpeg(change: Change) -> Change:
    return lambda image: jpeg(change(image))


def jpeg(image: Image.Image, quality: int = QUALITY) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def resized(image: Image.Image, scale: float) -> Image.Image:
    return image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)


def brightened(image: Image.Image, by: float) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(1 + by)


def cropped(image: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    box = (left * image.width, top * image.height, (1 - right) * image.width, (1 - bottom) * image.height)
    return image.crop((round(box[0]), round(box[1]), round(box[2]), round(box[3])))


def turned(image: Image.Image, degrees: float) -> Image.Image:
    """Without the corners that turning leaves empty."""
    return cropped(image.rotate(degrees, Image.Resampling.BICUBIC), 0.04, 0.04, 0.04, 0.04)


def timed(run: Callable[[], object]) -> float:
    """Median milliseconds of 20."""
    run()
    spent = []
    for _ in range(20):
        start = time.perf_counter()
        run()
        spent.append((time.perf_counter() - start) * 1000)
    return median(spent)


if __name__ == "__main__":
    main()
