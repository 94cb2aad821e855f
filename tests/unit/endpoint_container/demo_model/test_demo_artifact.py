"""The artifact as it is committed: complete, small, loadable, and right on photos it was not trained on."""

import hashlib
import json
from functools import cache

import numpy as np
import pytest
import torch

from demo_model.artifact import ARTIFACT, read_artifact
from demo_model.calibrate import fit_margin
from demo_model.card import EVALUATIONS, measured
from demo_model.checklist import read_questions
from demo_model.inspections import SPLITS, draw_inspection, squashed, take
from demo_model.scoring import Scored, score
from models.errors import LoadError
from models.interface import ModelOptions
from models.internvl.loader import load

MAX_BYTES = 10_000_000
HELD_OUT = 500_000  # past every seed of the test split that the card's figures are measured on
INSPECTIONS = 24


@cache
def scored() -> dict[str, Scored]:
    model, tokenizer, _ = read_artifact(ARTIFACT)
    inspections = [draw_inspection(SPLITS["test"] + HELD_OUT + n) for n in range(INSPECTIONS)]
    pixels = [np.stack([squashed(take(one, n).image) for n in range(len(one.views))]) for one in inspections]
    return score(model, tokenizer, read_questions(), inspections, pixels)


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in ARTIFACT.iterdir()) <= MAX_BYTES


def test_the_manifest_lists_every_file_with_its_digest() -> None:
    manifest = json.loads((ARTIFACT / "manifest.json").read_text())
    files = {path.name: path for path in ARTIFACT.iterdir() if path.name != "manifest.json"}
    assert {"config.json", "model.safetensors", "tokenizer.json", "calibration.json", "README.md"} <= set(files)
    assert manifest["files"] == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}


def test_every_question_has_a_temperature() -> None:
    calibration = json.loads((ARTIFACT / "calibration.json").read_text())
    assert set(calibration["temperatures"]) == {question.id for question in read_questions()}
    assert all(0.1 < temperature < 10 for temperature in calibration["temperatures"].values())


@pytest.mark.parametrize("question", [question.id for question in read_questions()])
def test_it_answers_held_out_inspections(question: str) -> None:
    answers = scored()[question]
    accuracy = (answers.logits.argmax(-1) == answers.right).float().mean().item()
    assert accuracy >= 0.9 - 1e-6, f"{accuracy:.2f} on {INSPECTIONS} inspections"


@pytest.mark.parametrize("split", EVALUATIONS)
def test_the_card_says_what_was_measured(split: str) -> None:
    assert measured(ARTIFACT, split) in (ARTIFACT / "README.md").read_text(encoding="utf-8")


def test_it_serves_and_gives_the_golden_answers() -> None:
    model = load(ModelOptions(ARTIFACT, threads=1, device="cpu"))
    assert model.golden is not None
    model.self_test()
    model.inspector.model.lm_head.weight.mul_(0.7)
    with pytest.raises(LoadError, match="'damaged'"):
        model.self_test()


def test_every_question_has_a_margin() -> None:
    margins = json.loads((ARTIFACT / "calibration.json").read_text())["margins"]
    assert set(margins) == {question.id for question in read_questions()}
    assert all(0 <= margin <= 1 for margin in margins.values())


@pytest.mark.parametrize(
    ("right", "expected"),
    [
        ([True] * 4, 0.0),
        ([False] * 4, 1.0),
        ([True, True, False, True], 0.8),
        ([False, True, True, True], 1.0),
    ],
)
def test_the_margin_is_where_doubt_begins(right: list[bool], expected: float) -> None:
    """Answers of margins 0.9, 0.8, 0.7 and 0.6, of which some are right."""
    best = torch.tensor([0.95, 0.9, 0.85, 0.8], dtype=torch.float64)
    logits = torch.stack([best, 1 - best], 1).log()
    truth = torch.tensor([0 if one else 1 for one in right])
    assert fit_margin(Scored(read_questions()[0], logits, truth), 1.0) == pytest.approx(expected)
