"""Takes the photos that the demo sends: `python -m demo_model.demo_photos --to ../events/photos`."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from demo_model.catalogue import Item
from demo_model.inspections import FULL
from demo_model.photograph import View, photograph

QUALITY = 66
BLURRED = 0.035  # standard deviation of the spoilt photo's blur, as a part of the short side


@dataclass(frozen=True)
class Subject:
    """An item and the seeds of its four photos, chosen so that a photo-quality check passes them."""

    name: str
    item: Item
    specimen: int
    views: tuple[int, ...]
    upright: tuple[int, ...]


GOOD = Subject(
    "red-shoe-good", Item("shoe", "red", label=True, damaged=False), 41, (4100, 4104, 4106, 4110), (4106, 4110)
)
DAMAGED = Subject(
    "blue-bag-damaged", Item("bag", "blue", label=True, damaged=True), 42, (4200, 4202, 4205, 4208), (4202,)
)


def take_demo_photos(folder: Path) -> list[Path]:
    """Four photos each of a good red shoe and of a damaged blue bag, and a blurred one of the shoe."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for subject in (GOOD, DAMAGED):
        for number, seed in enumerate(subject.views, 1):
            size = FULL[::-1] if seed in subject.upright else FULL
            photo = photograph(subject.item, subject.specimen, View(seed, blur=0.0), size)
            written.append(folder / f"{subject.name}-{number}.jpg")
            photo.image.save(written[-1], quality=QUALITY)
    spoilt = photograph(GOOD.item, GOOD.specimen, View(GOOD.views[1], blur=BLURRED), FULL)
    written.append(folder / "spoilt-blurred.jpg")
    spoilt.image.save(written[-1], quality=QUALITY)
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, required=True, help="folder for the photos")
    for path in take_demo_photos(parser.parse_args().to):
        print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
