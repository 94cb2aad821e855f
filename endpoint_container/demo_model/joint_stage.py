"""Stage 3: tower, projector and language model together, the dense losses kept on."""

from collections.abc import Callable

from transformers import InternVLForConditionalGeneration

from demo_model.optimise import Schedule, Stage, Tally
from demo_model.sampling import BatchDrawer
from demo_model.text_stage import ASKED, answer_loss
from demo_model.vision_stage import PatchReader, feature_loss, look

BATCH = 8
DENSE = 1.0  # weight of the dense losses beside the answers'


def train_joint(
    model: InternVLForConditionalGeneration,
    reader: PatchReader,
    drawer: BatchDrawer,
    schedule: Schedule,
    save: Callable[[], None],
) -> None:
    """Train everything end to end on inspections of three to six photos."""
    stage = Stage("joint", [*model.parameters(), *reader.parameters()], schedule)
    model.train()
    tally = Tally()
    for step in stage:
        packed, photos, _ = drawer.draw(BATCH, ASKED)
        patches, features = look(model, photos)
        answers, correct = answer_loss(model, packed, features.flatten(0, 1))
        dense = reader.loss(patches, photos) + feature_loss(features, photos)
        stage.descend(answers + DENSE * dense)
        tally.add(packed.asked, correct)
        if step % 50 == 49:
            stage.report(step, loss=round(answers.item(), 3), dense=round(dense.item(), 3), **tally.read())
            save()
