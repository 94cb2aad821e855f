"""Measures the artifact on held-out inspections: `python -m demo_model.evaluate --split test`."""

import argparse
from pathlib import Path

import torch

from demo_model.artifact import ARTIFACT, read_artifact, write_json
from demo_model.checklist import read_questions
from demo_model.render import read_bank
from demo_model.scoring import Scored, inspections_of, score

BINS = 15

Figures = dict[str, float]


def expected_calibration_error(confidence: torch.Tensor, correct: torch.Tensor, bins: int = BINS) -> float:
    """Mean gap between confidence and accuracy over equally wide bins of confidence, by their share of answers."""
    places = (confidence * bins).long().clamp(max=bins - 1)
    gaps = 0.0
    for place in range(bins):
        chosen = places == place
        if chosen.any():
            gap = (confidence[chosen].mean() - correct[chosen].float().mean()).abs()
            gaps += gap.item() * chosen.float().mean().item()
    return gaps


def figures(scored: Scored, temperature: float) -> Figures:
    """Accuracy, the lowest accuracy over the right answers of one kind, and ECE before and after calibration."""
    probabilities = scored.probabilities(temperature)
    confidence, chosen = probabilities.max(-1)
    correct = chosen == scored.right
    present = [answer for answer in range(len(scored.question.answers)) if (scored.right == answer).any()]
    raw = scored.probabilities(1.0).amax(-1)
    return {
        "inspections": len(correct),
        "accuracy": correct.float().mean().item(),
        "lowest_recall": min(correct[scored.right == answer].float().mean().item() for answer in present),
        "ece": expected_calibration_error(confidence, correct),
        "ece_uncalibrated": expected_calibration_error(raw, correct),
        "temperature": temperature,
    }


def table(results: dict[str, Figures]) -> str:
    """The figures as a Markdown table."""
    lines = [
        "| question | inspections | accuracy | lowest accuracy of one answer | ECE | ECE uncalibrated | temperature |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in results.items():
        lines.append(
            f"| `{name}` | {row['inspections']} | {row['accuracy']:.3f} | {row['lowest_recall']:.3f} "
            f"| {row['ece']:.3f} | {row['ece_uncalibrated']:.3f} | {row['temperature']:.3f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--artifact", type=Path, default=ARTIFACT)
    parser.add_argument("--bank", type=Path, default=Path("/tmp/demo_model"), help="folder of the rendered shards")
    parser.add_argument("--split", default="test", choices=("test", "served", "calibrate"))
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    arguments = parser.parse_args()
    model, tokenizer, temperatures = read_artifact(arguments.artifact)
    scored = score(model, tokenizer, read_questions(), *inspections_of(read_bank(arguments.bank, arguments.split)))
    results = {name: figures(one, temperatures.get(name, 1.0)) for name, one in scored.items()}
    print(table(results))
    if arguments.json is not None:
        write_json(arguments.json, {"split": arguments.split, "questions": results})


if __name__ == "__main__":
    main()
