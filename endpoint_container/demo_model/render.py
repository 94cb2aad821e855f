"""Renders a split's inspections into shards of photos as the model sees them: `python -m demo_model.render`."""

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from demo_model.catalogue import COLOURS, KINDS
from demo_model.inspections import FULL, MAX_PHOTOS, SPLITS, as_served, draw_inspection, squashed, take

SHARD = {"train": 500, "calibrate": 500, "test": 500, "served": 100}  # inspections a file
SERVED_SHARE = {
    "train": 0.01,
    "calibrate": 0.01,
    "test": 0.01,
    "served": 1.0,
}  # photos that take the served path


@dataclass(frozen=True)
class Bank:
    """Rendered inspections. `facts` holds kind and colour (index, -1 for no item), label, damaged (0 or 1)."""

    pixels: NDArray[np.uint8]  # [n, 6, 112, 112, 3]
    coverage: NDArray[np.uint8]  # [n, 6, 8, 8, 3], 255 for a patch wholly covered
    facts: NDArray[np.int8]  # [n, 4]
    seeds: NDArray[np.int64]  # [n]

    def __len__(self) -> int:
        return len(self.facts)


def render_inspection(split: str, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int8]]:
    """Six photos of the seed's inspection: pixels, coverage and facts as in a Bank, without the first axis."""
    inspection = draw_inspection(seed, MAX_PHOTOS)
    rng = np.random.default_rng((seed, 4))
    pixels, coverage = [], []
    for number in range(MAX_PHOTOS):
        if rng.random() < SERVED_SHARE[split]:
            photo = take(inspection, number, FULL)
            pixels.append(squashed(as_served(photo.image, rng)))
        else:
            photo = take(inspection, number)
            pixels.append(squashed(photo.image))
        coverage.append((photo.coverage * 255).astype(np.uint8))
    item = inspection.item
    facts = (-1, -1, 0, 0)
    if item is not None:
        facts = (KINDS.index(item.kind), list(COLOURS).index(item.colour), int(item.label), int(item.damaged))
    return np.stack(pixels), np.stack(coverage), np.array(facts, np.int8)


def render_shard(split: str, number: int, path: Path) -> None:
    """Write shard `number` of a split. A half-written file is never left under the final name."""
    seeds = np.arange(SHARD[split]) + SPLITS[split] + number * SHARD[split]
    pixels, coverage, facts = zip(*(render_inspection(split, int(seed)) for seed in seeds), strict=True)
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, pixels=np.stack(pixels), coverage=np.stack(coverage), facts=np.stack(facts), seeds=seeds)
    partial.rename(path)


def read_bank(folder: Path, split: str) -> Bank:
    """All shards of a split that are there, in order."""
    files = sorted(path for path in folder.glob(f"{split}-*.npz") if ".partial" not in path.name)
    if not files:
        raise FileNotFoundError(f"no shards of {split!r} in {folder}: run python -m demo_model.render first")
    shards = [np.load(path) for path in files]
    return Bank(*(np.concatenate([shard[key] for shard in shards]) for key in ("pixels", "coverage", "facts", "seeds")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bank", type=Path, default=Path("/tmp/demo_model"), help="folder for the shards")
    parser.add_argument("--split", choices=sorted(SPLITS), required=True)
    parser.add_argument("--shards", type=int, required=True, help=f"number of files; inspections a file: {SHARD}")
    parser.add_argument("--first", type=int, default=0, help="number of the first shard")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    arguments.bank.mkdir(parents=True, exist_ok=True)
    numbers = range(arguments.first, arguments.first + arguments.shards)
    paths = [arguments.bank / f"{arguments.split}-{number:04d}.npz" for number in numbers]
    started = time.monotonic()
    with ProcessPoolExecutor(arguments.processes) as pool:
        todo = [(number, path) for number, path in zip(numbers, paths, strict=True) if not path.exists()]
        jobs = [pool.submit(render_shard, arguments.split, number, path) for number, path in todo]
        for done, job in enumerate(jobs, 1):
            job.result()
            print(f"{arguments.split}: {done} of {len(jobs)} shards, {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
