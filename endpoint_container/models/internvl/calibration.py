"""One temperature a question, fitted on labelled inspections (temperature scaling, arXiv:1706.04599)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from models.artifact import read_json_object
from models.errors import LoadError

FILE = "calibration.json"


@dataclass(frozen=True)
class Calibration:
    """Temperatures by question id; `default` is for all others."""

    temperatures: Mapping[str, float] = field(default_factory=dict)
    default: float = 1.0

    def temperature(self, question_id: str) -> float:
        return self.temperatures.get(question_id, self.default)


def read_calibration(model_dir: Path) -> Calibration:
    """Read calibration.json where there is one; raises LoadError unless every temperature is above 0."""
    if not (model_dir / FILE).exists():
        return Calibration()
    content = read_json_object(model_dir / FILE)
    temperatures = content.get("temperatures", {})
    if not isinstance(temperatures, dict):
        raise LoadError(f"{FILE}: 'temperatures' must map question ids to numbers")
    return Calibration(
        {str(question): _positive(value) for question, value in temperatures.items()},
        _positive(content.get("default", 1.0)),
    )


def _positive(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise LoadError(f"{FILE}: a temperature must be a number above 0")
    return float(value)
