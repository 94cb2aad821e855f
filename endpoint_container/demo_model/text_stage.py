"""Stage 1: the language model learns the questions on text, with concept sums in the place of photos."""

from collections.abc import Callable

import torch
from torch.nn.functional import cross_entropy
from transformers import InternVLForConditionalGeneration

from demo_model.concepts import COUNT, DAMAGED, LABEL, directions
from demo_model.optimise import Schedule, Stage, Tally
from demo_model.packing import Packed, answer_logits
from demo_model.sampling import BatchDrawer, Photos

BATCH, ASKED = 32, 2
FORGET, INVENT = 0.1, 0.02  # how often a concept is missing from a cell, and how often one is there wrongly


def imagined_features(photos: Photos, generator: torch.Generator) -> torch.Tensor:
    """What a good but imperfect vision tower would put out for the photos: float [n * 16, width]."""
    shown = photos.cells()
    kept = torch.rand(shown.shape, generator=generator) >= FORGET
    invented = (torch.rand(shown.shape, generator=generator) < INVENT) * torch.rand(shown.shape, generator=generator)
    invented[..., [LABEL, DAMAGED]] *= 0.4
    invented[..., COUNT - 1] *= 0.3
    strength = shown * kept * (0.7 + 0.5 * torch.rand(shown.shape, generator=generator)) + invented
    features = strength @ directions()
    return features + torch.randn(features.shape, generator=generator) * 0.02


def answer_loss(
    model: InternVLForConditionalGeneration, packed: Packed, features: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross-entropy of the answers (and of the turn's end behind them), and which answers were right [b, q]."""
    logits, after = answer_logits(model, packed, features)
    end = torch.full_like(packed.targets, model.config.get_text_config().eos_token_id)
    loss = cross_entropy(logits.flatten(0, 1), packed.targets.flatten())
    loss = loss + 0.05 * cross_entropy(after.flatten(0, 1), end.flatten())
    return loss, logits.argmax(-1) == packed.targets


def train_text(
    model: InternVLForConditionalGeneration,
    drawer: BatchDrawer,
    schedule: Schedule,
    seed: int,
    save: Callable[[], None],
) -> None:
    """Train the language model alone. Starts with one photo, so that comparing is learned on short rows."""
    stage = Stage("text", model.model.language_model.parameters(), schedule)
    generator = torch.Generator().manual_seed(seed)
    model.train()
    tally = Tally()
    for step in stage:
        photos = 1 if step < schedule.steps * 0.5 else 2 if step < schedule.steps * 0.65 else None
        packed, shots, _ = drawer.draw(BATCH, ASKED, photos)
        loss, correct = answer_loss(model, packed, imagined_features(shots, generator))
        stage.descend(loss)
        tally.add(packed.asked, correct)
        if step % 50 == 49:
            stage.report(step, loss=round(loss.item(), 3), **tally.read())
            save()
