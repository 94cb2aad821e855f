"""What was fitted on labelled inspections, a question each: the temperature (temperature scaling, arXiv:1706.04599),
and the margin below which its answer is in doubt (closer_look.py)."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeGuard

from models.artifact import read_json_object
from models.errors import LoadError

FILE = "calibration.json"
# Of two answers, one at less than 0.75.
DEFAULT_MARGIN = 0.5


@dataclass(frozen=True)
class Calibration:
    """Temperatures and margins by question id; the defaults are for all others."""

    temperatures: Mapping[str, float] = field(default_factory=dict)
    default: float = 1.0
    margins: Mapping[str, float] = field(default_factory=dict)
    default_margin: float = DEFAULT_MARGIN

    def temperature(self, question_id: str) -> float:
        return self.temperatures.get(question_id, self.default)

    def margin(self, question_id: str) -> float:
        return self.margins.get(question_id, self.default_margin)


def read_calibration(model_dir: Path) -> Calibration:
    """Read calibration.json where there is one.

    Raises LoadError unless every temperature is above 0 and every margin from 0 to 1.
    """
    if not (model_dir / FILE).exists():
        return Calibration()
    content = read_json_object(model_dir / FILE)
    return Calibration(
        temperatures=_by_question(content, "temperatures", _temperature),
        default=_temperature(content.get("default", 1.0)),
        margins=_by_question(content, "margins", _margin),
        default_margin=_margin(content.get("default_margin", DEFAULT_MARGIN)),
    )


def _by_question(content: Mapping[str, object], name: str, parse: Callable[[object], float]) -> dict[str, float]:
    values = content.get(name, {})
    if not isinstance(values, dict):
        raise LoadError(f"{FILE}: {name!r} must map question ids to numbers")
    return {str(question): parse(value) for question, value in values.items()}


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
