"""An inspection whose answers are pinned in the artifact: a model that gives others is not the one that was published.

golden.json holds `photos` (base64), `item` and `questions` as in a request, `probabilities` by question and answer, and
the `tolerance` within which a device and a number type of another kind must come.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.artifact import MANIFEST, read_json_object
from models.errors import EndpointError, LoadError
from models.inspection import Inspection, InspectionResult, Question
from models.photo import read_header

FILE = "golden.json"
MAX_PIXELS = 50_000_000


@dataclass(frozen=True)
class Golden:
    """What to ask, and the probability of every answer."""

    inspection: Inspection
    probabilities: Mapping[str, Mapping[str, float]]
    tolerance: float

    def check(self, result: InspectionResult) -> None:
        """Raise LoadError, naming question and answer, if a probability is not the pinned one."""
        for answer in result.answers:
            for name, value in answer.probabilities.items():
                pinned = self.probabilities[answer.id][name]
                # Written so that a NaN fails it.
                if not abs(value - pinned) <= self.tolerance:
                    raise LoadError(
                        f"{FILE}: question {answer.id!r}, answer {name!r}: probability {value:.4f}, "
                        f"pinned {pinned:.4f} (tolerance {self.tolerance:g})"
                    )


def read_golden(model_dir: Path) -> Golden | None:
    """Read golden.json where there is one. Raises LoadError if it is broken, or not listed in a manifest there is."""
    if not (model_dir / FILE).exists():
        return None
    if (model_dir / MANIFEST).exists() and FILE not in read_json_object(model_dir / MANIFEST)["files"]:
        raise LoadError(f"{MANIFEST}: does not list {FILE}")
    content = read_json_object(model_dir / FILE)
    try:
        golden = _parse(content)
    except (KeyError, TypeError, ValueError, AttributeError, EndpointError) as error:
        raise LoadError(f"{FILE}: {type(error).__name__}: {error}") from error
    if not 0 < golden.tolerance < 1:
        raise LoadError(f"{FILE}: 'tolerance' must lie between 0 and 1")
    for question in golden.inspection.questions:
        if set(golden.probabilities.get(question.id, ())) != set(question.answers):
            raise LoadError(f"{FILE}: 'probabilities' must name every answer to question {question.id!r}")
    return golden


def _parse(content: Mapping[str, Any]) -> Golden:
    photos = tuple(
        read_header(f"golden-{number}", base64.b64decode(data, validate=True), MAX_PIXELS, f"photos[{number}]")
        for number, data in enumerate(content["photos"])
    )
    questions = tuple(Question(each["id"], each["text"], tuple(each["answers"])) for each in content["questions"])
    if not photos or not questions:
        raise ValueError("there must be photos and questions")
    probabilities = {
        question: {answer: float(value) for answer, value in values.items()}
        for question, values in content["probabilities"].items()
    }
    return Golden(Inspection(photos, dict(content["item"]), questions), probabilities, float(content["tolerance"]))
