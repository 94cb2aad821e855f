"""Fits a temperature and a margin a question on the calibration split, and lists the words of the orders that the model
was trained on: `python -m demo_model.calibrate`.

Temperature scaling as in Guo et al., "On Calibration of Modern Neural Networks" (2017). The margin is where doubt
begins: of the answers that reach it, SURE are right. None of it says anything about other orders.
"""

import argparse
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy

from demo_model.artifact import ARTIFACT, CALIBRATION, read_artifact, write_json, write_manifest
from demo_model.checklist import read_questions
from demo_model.inspections import SPLITS, draw_inspection
from demo_model.render import read_bank
from demo_model.scoring import Scored, inspections_of, score
from models.internvl.familiar import FamiliarItems, is_number, words_of

GRID = torch.logspace(
    -0.301, 0.9, 241
)  # temperatures tried: 0.5 to 7.9; where nothing is wrong, less always fits better
SURE = 0.99
TRAINED = 9_000  # inspections of the training split
COMPARED = frozenset({"kind_matches", "colour_matches"})


def fit_temperature(scored: Scored) -> float:
    """The temperature of the least negative log-likelihood."""
    losses = [cross_entropy(scored.logits / temperature, scored.right).item() for temperature in GRID]
    return round(float(GRID[int(torch.tensor(losses).argmin())]), 3)


def fit_margin(scored: Scored, temperature: float) -> float:
    """The least margin at and above which a share of SURE answers is right; 1 where there is none."""
    best, second = scored.probabilities(temperature).topk(2).values.unbind(-1)
    margins, order = (best - second).sort(descending=True)
    right = (scored.logits.argmax(-1) == scored.right)[order].double().cumsum(0)
    sure = right / torch.arange(1, len(right) + 1) >= SURE
    if sure[-1]:
        return 0.0
    return round(margins[int(sure.nonzero()[-1])].item(), 3) if sure.any() else 1.0


def trained_items(inspections: int = TRAINED) -> FamiliarItems:
    """What the orders of the training split are made of."""
    orders = [words_of(draw_inspection(SPLITS["train"] + number).order) for number in range(inspections)]
    words = frozenset(word.lower() for order in orders for word in order if not is_number(word))
    return FamiliarItems(words, max(map(len, orders)), COMPARED)


def write_calibration(folder: Path, temperatures: dict[str, float], margins: dict[str, float]) -> None:
    """calibration.json, and the manifest that has its digest."""
    items = trained_items()
    familiar = {
        "words": sorted(items.words),
        "most_words": items.most_words,
        "questions": sorted(items.questions),
    }
    content = {"temperatures": temperatures, "default": 1.0, "margins": margins, "familiar": familiar}
    write_json(folder / CALIBRATION, content)
    write_manifest(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--artifact", type=Path, default=ARTIFACT)
    parser.add_argument("--bank", type=Path, default=Path("/tmp/demo_model"), help="folder of the rendered shards")
    arguments = parser.parse_args()
    model, tokenizer, _ = read_artifact(arguments.artifact)
    results = score(model, tokenizer, read_questions(), *inspections_of(read_bank(arguments.bank, "calibrate")))
    temperatures = {name: fit_temperature(scored) for name, scored in results.items()}
    margins = {name: fit_margin(scored, temperatures[name]) for name, scored in results.items()}
    write_calibration(arguments.artifact, temperatures, margins)
    print(temperatures, margins)


if __name__ == "__main__":
    main()
