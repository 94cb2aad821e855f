"""Stage 2: the vision tower learns what every patch shows, and the projector to say it in concept directions."""

from collections.abc import Callable

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from transformers import InternVLForConditionalGeneration

from demo_model.architecture import PATCHES, VISION_WIDTH
from demo_model.catalogue import COLOURS, KINDS
from demo_model.concepts import COLOUR, COUNT, DAMAGED, KIND, LABEL, NOTHING, directions
from demo_model.inspections import MAX_PHOTOS
from demo_model.optimise import Schedule, Stage
from demo_model.render import Bank
from demo_model.sampling import Photos, photos_of

BATCH = 32
SEEN = 0.15  # a patch shows what covers this part of it


class PatchReader(torch.nn.Module):
    """A linear head on the patch states, for training only: item, label, damage, kind and colour of each patch."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(VISION_WIDTH, 3 + len(KINDS) + len(COLOURS))

    def loss(self, patches: torch.Tensor, photos: Photos) -> torch.Tensor:
        """`patches`: float [n, 64, width], the tower's last states without the class token."""
        read = self.layer(patches).reshape(len(patches), PATCHES, PATCHES, -1)
        seen = photos.coverage > SEEN
        weight = torch.tensor([1.0, 4.0, 8.0])
        covers = binary_cross_entropy_with_logits(read[..., :3], seen.float(), pos_weight=weight)
        item = seen[..., 0] & (photos.facts[:, 0, None, None] >= 0)
        kind = photos.facts[:, 0, None, None].expand(-1, PATCHES, PATCHES)[item]
        colour = photos.facts[:, 1, None, None].expand(-1, PATCHES, PATCHES)[item]
        kinds, colours = read[..., 3:].split([len(KINDS), len(COLOURS)], -1)
        return covers + cross_entropy(kinds[item], kind) + 0.5 * cross_entropy(colours[item], colour)


def look(model: InternVLForConditionalGeneration, photos: Photos) -> tuple[torch.Tensor, torch.Tensor]:
    """The tower's patch states [n, 64, width] and the projector's features [n, 16, width]."""
    seen = model.model.get_image_features(photos.pixels)
    return seen.last_hidden_state[:, 1:], seen.pooler_output


def feature_loss(features: torch.Tensor, photos: Photos) -> torch.Tensor:
    """Squared distance of the features to the concept sums, the small and rare concepts weighing more."""
    basis = directions()
    strength = features @ basis.T
    outside = features - strength @ basis
    weight = torch.ones(COUNT)
    weight[LABEL], weight[DAMAGED] = 5.0, 12.0
    return ((strength - photos.cells()).pow(2) * weight).sum(-1).mean() + outside.pow(2).sum(-1).mean()


@torch.no_grad()
def photo_accuracy(features: torch.Tensor, photos: Photos) -> dict[str, float]:
    """How often single photos show the right kind, colour, label, damage and emptiness by their features."""
    strength = features @ directions().T
    pooled, most = strength.sum(1), strength.amax(1)
    item = photos.facts[:, 0] >= 0
    label, damaged = (photos.coverage[..., n].amax((1, 2)) > SEEN for n in (1, 2))
    hits = {
        "kind": pooled[:, KIND].argmax(-1)[item] == photos.facts[item, 0],
        "colour": pooled[:, COLOUR].argmax(-1)[item] == photos.facts[item, 1],
        "label": (most[:, LABEL] > 0.4) == label,
        "damage": (most[:, DAMAGED] > 0.4) == damaged,
        "nothing": (strength[..., NOTHING].mean(1) > 0.5) == ~item,
    }
    return {name: round(hit.float().mean().item(), 3) for name, hit in hits.items()}


def train_vision(
    model: InternVLForConditionalGeneration,
    reader: PatchReader,
    bank: Bank,
    held_out: Bank,
    schedule: Schedule,
    seed: int,
    save: Callable[[], None],
) -> None:
    """Train tower and projector on single photos."""
    parameters = [*model.model.vision_tower.parameters(), *model.model.multi_modal_projector.parameters()]
    stage = Stage("vision", [*parameters, *reader.parameters()], schedule)
    rng = np.random.default_rng(seed)
    model.train()
    for step in stage:
        inspections, views = rng.integers(len(bank), size=BATCH), rng.integers(MAX_PHOTOS, size=BATCH)
        photos = photos_of(bank, inspections, views, rng.random(BATCH) < 0.5)
        patches, features = look(model, photos)
        loss = reader.loss(patches, photos) + feature_loss(features, photos)
        stage.descend(loss)
        if step % 100 == 99:
            save()
            stage.report(step, loss=round(loss.item(), 3), **check_vision(model, held_out, min(200, len(held_out))))


@torch.no_grad()
def check_vision(model: InternVLForConditionalGeneration, bank: Bank, count: int) -> dict[str, float]:
    """Accuracy on the first two photos of the first `count` inspections."""
    model.eval()
    photos = photos_of(bank, np.repeat(np.arange(count), 2), np.tile([0, 1], count))
    _, features = look(model, photos)
    model.train()
    return photo_accuracy(features, photos)
