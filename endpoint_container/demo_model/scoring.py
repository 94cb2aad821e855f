"""Answers whole inspections the way they are answered in use, for calibration and evaluation."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import InternVLForConditionalGeneration, PreTrainedTokenizerFast

from demo_model.inspections import Inspection, draw_inspection
from demo_model.packing import Packer, answer_logits
from demo_model.render import Bank
from demo_model.sampling import normalised
from demo_model.tokenizer import answer_token
from models.internvl.prompt import Question

BATCH = 16


@dataclass(frozen=True)
class Scored:
    """One question over many inspections: logits of its listed answers [n, answers], and the right one [n]."""

    question: Question
    logits: torch.Tensor
    right: torch.Tensor

    def probabilities(self, temperature: float) -> torch.Tensor:
        return torch.softmax(self.logits / temperature, -1)


@torch.no_grad()
def score(
    model: InternVLForConditionalGeneration,
    tokenizer: PreTrainedTokenizerFast,
    questions: tuple[Question, ...],
    inspections: list[Inspection],
    pixels: list[NDArray[np.uint8]],
) -> dict[str, Scored]:
    """Ask every question about every inspection; `pixels[i]`: uint8 [photos, 112, 112, 3] of inspection i."""
    packer = Packer(tokenizer)
    choices = [torch.tensor([answer_token(tokenizer, answer) for answer in question.answers]) for question in questions]
    logits: list[list[torch.Tensor]] = [[torch.empty(0)] * len(inspections) for _ in questions]
    for count in sorted({len(photos) for photos in pixels}):
        alike = [n for n, photos in enumerate(pixels) if len(photos) == count]
        for start in range(0, len(alike), BATCH):
            rows = alike[start : start + BATCH]
            images = normalised(np.concatenate([pixels[n] for n in rows]))
            features = model.model.get_image_features(images).pooler_output
            asked = [[(question, inspections[n].answers[question.id]) for question in questions] for n in rows]
            packed = packer.pack(list(questions), count, [inspections[n].order for n in rows], asked)
            found, _ = answer_logits(model, packed, features.flatten(0, 1))
            for row, n in enumerate(rows):
                for q, tokens in enumerate(choices):
                    logits[q][n] = found[row, q, tokens].float()
    return {
        question.id: Scored(
            question,
            torch.stack(logits[q]),
            torch.tensor([question.answers.index(inspection.answers[question.id]) for inspection in inspections]),
        )
        for q, question in enumerate(questions)
    }


def inspections_of(bank: Bank) -> tuple[list[Inspection], list[NDArray[np.uint8]]]:
    """A bank's inspections as their seeds draw them, each with its own number of photos."""
    inspections = [draw_inspection(int(seed)) for seed in bank.seeds]
    return inspections, [bank.pixels[n, : len(one.views)] for n, one in enumerate(inspections)]
