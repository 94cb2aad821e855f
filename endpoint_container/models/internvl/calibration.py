"""What was fitted on labelled inspections, a question each: the temperature (temperature scaling, arXiv:1706.04599),
and the margin below which its answer is in doubt (closer_look.py). And for which items that holds (familiar.py)."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeGuard

from models.artifact import read_json_object
from models.errors import LoadError
from models.inspection import Inspection
from models.internvl.familiar import FamiliarItems

FILE = "calibration.json"
# Of two answers, one at less than 0.75.
DEFAULT_MARGIN = 0.5


@dataclass(frozen=True)
class Calibration:
    """Temperatures and margins by question id; the defaults are for all others. `familiar` None: for any item."""

    temperatures: Mapping[str, float] = field(default_factory=dict)
    default: float = 1.0
    margins: Mapping[str, float] = field(default_factory=dict)
    default_margin: float = DEFAULT_MARGIN
    familiar: FamiliarItems | None = None

    def temperature(self, question_id: str) -> float:
        return self.temperatures.get(question_id, self.default)

    def margin(self, question_id: str) -> float:
        return self.margins.get(question_id, self.default_margin)

    def unread(self, inspection: Inspection) -> frozenset[str]:
        """Ids of the questions that compare with an unfamiliar item: their answers are unknown, however sure."""
        if self.familiar is None or self.familiar.covers(inspection.item):
            return frozenset()
        return self.familiar.questions


def read_calibration(model_dir: Path) -> Calibration:
    """Read calibration.json where there is one.

    Raises LoadError unless every temperature is above 0, every margin from 0 to 1, and `familiar` of its form.
    """
    if not (model_dir / FILE).exists():
        return Calibration()
    content = read_json_object(model_dir / FILE)
    return Calibration(
        temperatures=_by_question(content, "temperatures", _temperature),
        default=_temperature(content.get("default", 1.0)),
        margins=_by_question(content, "margins", _margin),
        default_margin=_margin(content.get("default_margin", DEFAULT_MARGIN)),
        familiar=_familiar(content["familiar"]) if "familiar" in content else None,
    )


def _by_question(content: Mapping[str, object], name: str, parse: Callable[[object], float]) -> dict[str, float]:
    values = content.get(name, {})
    if not isinstance(values, dict):
        raise LoadError(f"{FILE}: {name!r} must map question ids to numbers")
    return {str(question): parse(value) for question, value in values.items()}


def _familiar(value: object) -> FamiliarItems:
    match value:
        case {"words": list(words), "most_words": int(most), "questions": list(questions)} if most > 0:
            return FamiliarItems(frozenset(map(str, words)), most, frozenset(map(str, questions)))
    raise LoadError(f"{FILE}: 'familiar' must have words, most_words above 0 and questions")


def _temperature(value: object) -> float:
    if not _is_number(value) or value <= 0:
        raise LoadError(f"{FILE}: a temperature must be a number above 0")
    return float(value)


def _margin(value: object) -> float:
    if not _is_number(value) or not 0 <= value <= 1:
        raise LoadError(f"{FILE}: a margin must be a number from 0 to 1")
    return float(value)


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
