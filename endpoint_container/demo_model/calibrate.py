"""Fits one temperature a question on the calibration split: `python -m demo_model.calibrate`.

Temperature scaling as in Guo et al., "On Calibration of Modern Neural Networks" (2017).
"""

import argparse
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy

from demo_model.artifact import ARTIFACT, CALIBRATION, read_artifact, write_json, write_manifest
from demo_model.checklist import read_questions
from demo_model.render import read_bank
from demo_model.scoring import Scored, inspections_of, score

GRID = torch.logspace(
    -0.301, 0.9, 241
)  # temperatures tried: 0.5 to 7.9; where nothing is wrong, less always fits better


def fit_temperature(scored: Scored) -> float:
    """The temperature of the least negative log-likelihood."""
    losses = [cross_entropy(scored.logits / temperature, scored.right).item() for temperature in GRID]
    return round(float(GRID[int(torch.tensor(losses).argmin())]), 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--artifact", type=Path, default=ARTIFACT)
    parser.add_argument("--bank", type=Path, default=Path("/tmp/demo_model"), help="folder of the rendered shards")
    arguments = parser.parse_args()
    model, tokenizer, _ = read_artifact(arguments.artifact)
    results = score(model, tokenizer, read_questions(), *inspections_of(read_bank(arguments.bank, "calibrate")))
    temperatures = {name: fit_temperature(scored) for name, scored in results.items()}
    write_json(arguments.artifact / CALIBRATION, {"temperatures": temperatures, "default": 1.0})
    write_manifest(arguments.artifact)
    print(temperatures)


if __name__ == "__main__":
    main()
