"""Looking closer only in doubt, on the demo model: how often it happens, what it costs, and how it agrees.

Inspections are drawn, their photos sent as the gateway sends them, and each is looked at with every budget of tiles.
"Agrees" is the share of questions whose answer is that of always looking with the largest budget; "right" that of
those whose answer is true, which only drawn inspections tell. The demo model was trained on photos of one tile.

    OMP_WAIT_POLICY=PASSIVE PYTHONPATH=functions:endpoint_container python -m benchmarks.closer
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import arguments, tell
from demo_model import inspections as drawn
from demo_model.artifact import ARTIFACT
from demo_model.checklist import read_questions
from models.closer_look import closer_look, joined
from models.inspection import Inspection, InspectionResult
from models.interface import ModelOptions
from models.internvl.inspector import InternVLInspector
from models.internvl.loader import load
from models.photo import Photo, read_header

# Past the seeds of the split that the model card's figures are measured on.
FIRST_SEED = drawn.SPLITS["served"] + 500_000
QUALITY = 85
Truth = Mapping[str, str]
# The result of each inspection by the most tiles that its photos were cut into.
Looks = Mapping[int, Sequence[InspectionResult]]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--artifact", type=Path, default=ARTIFACT)
    parser.add_argument("--inspections", type=int, default=60)
    parser.add_argument(
        "--tiles", type=int, nargs="+", default=[1, 6, 12], help="the first look's and the closer ones'"
    )
    parser.add_argument("--margins", type=float, nargs="*", default=[0.2, 0.5, 0.8, 0.95])
    options = parser.parse_args()
    inspector = load(ModelOptions(options.artifact, device="cpu")).inspector
    requests, truths = zip(*(draw(FIRST_SEED + number) for number in range(options.inspections)), strict=True)
    looks = {
        tiles: [look(inspector, replace(request, max_tiles=tiles)) for request in requests] for tiles in options.tiles
    }
    ways: dict[str, Callable[[str], float]] = {"calibrated": inspector.calibration.margin}
    ways |= {f"below {margin:g}": _always(margin) for margin in options.margins}
    title = f"{len(requests)} inspections, tiles {options.tiles}, {options.artifact.name}"
    tell(title, compare(requests, truths, looks, ways), options.json)


def draw(seed: int) -> tuple[Inspection, Truth]:
    """An inspection as the container gets it, and its right answers."""
    inspection = drawn.draw_inspection(seed)
    rng = np.random.default_rng(seed)
    photos = tuple(_photo(inspection, number, rng) for number in range(len(inspection.views)))
    return Inspection(photos, inspection.order, read_questions()), inspection.answers


def look(inspector: InternVLInspector, request: Inspection) -> InspectionResult:
    """All questions at one budget."""
    return inspector.run(inspector.prepare(request))


def compare(
    requests: Sequence[Inspection],
    truths: Sequence[Truth],
    looks: Looks,
    ways: Mapping[str, Callable[[str], float]],
) -> list[dict[str, Any]]:
    """A row for each fixed budget and for each way to tell doubt; `ways` give a question's least margin."""
    closest = looks[max(looks)]
    rows = [_row(f"always {tiles}", results, closest, truths) for tiles, results in looks.items()]
    for name, least in ways.items():
        results = [doubtful(request, number, looks, least) for number, request in enumerate(requests)]
        rows.append(_row(f"closer, {name}", results, closest, truths))
    return rows


def doubtful(request: Inspection, number: int, looks: Looks, least: Callable[[str], float]) -> InspectionResult:
    """What comes of looking closer: the answers of each look are taken from those of all questions at its budget."""
    first, *closer = sorted(looks)
    asked = replace(request, max_tiles=first, closer_tiles=tuple(closer))
    latest = result = looks[first][number]
    while (more := closer_look(asked, latest, least)) is not None and more.max_tiles is not None:
        seen = looks[more.max_tiles][number]
        again = tuple(answer for answer in seen.answers if more.asked is not None and answer.id in more.asked)
        asked, latest = more, replace(seen, answers=again)
        result = joined(result, latest)
    return result


def _always(margin: float) -> Callable[[str], float]:
    """The same margin for every question."""
    return lambda _: margin


def _row(
    way: str, results: Sequence[InspectionResult], closest: Sequence[InspectionResult], truths: Sequence[Truth]
) -> dict[str, Any]:
    questions = sum(len(result.answers) for result in results)
    agreeing = sum(
        mine.answer == theirs.answer
        for result, other in zip(results, closest, strict=True)
        for mine, theirs in zip(result.answers, other.answers, strict=True)
    )
    right = sum(
        answer.answer == truth[answer.id]
        for result, truth in zip(results, truths, strict=True)
        for answer in result.answers
    )
    return {
        "way": way,
        "tiles a photo": sum(result.usage.tiles for result in results) / sum(result.usage.photos for result in results),
        "looked closer": sum(result.usage.looks > 1 for result in results) / len(results),
        "asked again": sum(result.usage.closer_questions for result in results) / questions,
        "agrees": agreeing / questions,
        "right": right / questions,
    }


def _photo(inspection: drawn.Inspection, number: int, rng: np.random.Generator) -> Photo:
    file = BytesIO()
    served = drawn.as_served(drawn.take(inspection, number, drawn.FULL).image, rng)
    served.save(file, "JPEG", quality=QUALITY)
    return read_header(f"photo-{number}", file.getvalue(), 10**8, f"photos[{number}].data")


if __name__ == "__main__":
    main()
