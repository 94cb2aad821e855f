"""Trains the demo model, stage by stage: `python -m demo_model.train --stage text|vision|join|seen|joint`.

`text` and `vision` need nothing of each other and may run side by side; `join` puts their weights together.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from transformers import InternVLForConditionalGeneration

from demo_model.architecture import PHOTO_TOKENS, WIDTH, build_model
from demo_model.checklist import read_questions
from demo_model.concepts import start_one_head_matching, start_words_at_concepts
from demo_model.inspections import MAX_PHOTOS
from demo_model.joint_stage import train_joint, train_on_seen_features
from demo_model.optimise import Schedule
from demo_model.packing import Packer
from demo_model.render import Bank, read_bank
from demo_model.sampling import BatchDrawer, photos_of
from demo_model.text_stage import train_text
from demo_model.tokenizer import train_tokenizer
from demo_model.vision_stage import PatchReader, look, train_vision

STAGES = ("text", "vision", "join", "seen", "joint")
STEPS = {"text": 1500, "vision": 3000, "join": 0, "seen": 500, "joint": 1000}
RATES = {"text": 1e-3, "vision": 1e-3, "join": 0.0, "seen": 3e-4, "joint": 2e-4}
SEEDS = {"text": 11, "vision": 12, "join": 13, "seen": 14, "joint": 15}


def run_stage(stage: str, bank_folder: Path, work: Path, schedule: Schedule, resume: str | None) -> None:
    """Run one stage from checkpoint `resume` (a stage's name; None starts afresh) and leave its own checkpoint."""
    tokenizer = train_tokenizer()
    model, reader = build_model(tokenizer, seed=SEEDS["text" if stage == "text" else "vision"]), PatchReader()

    def save() -> None:
        torch.save({"model": model.state_dict(), "reader": reader.state_dict()}, work / f"{stage}.pt")

    if resume is not None:
        load_checkpoint(work / f"{resume}.pt", model, reader)
    if stage == "join":
        _join(work, model, reader)
    else:
        bank = read_bank(bank_folder, "train")
        drawer = BatchDrawer(bank, Packer(tokenizer), read_questions(), SEEDS[stage])
        torch.manual_seed(SEEDS[stage])
        if stage == "text":
            if resume is None:
                start_words_at_concepts(model, tokenizer)
                start_one_head_matching(model)
            train_text(model, drawer, schedule, SEEDS[stage], save)
        elif stage == "vision":
            train_vision(model, reader, bank, read_bank(bank_folder, "calibrate"), schedule, SEEDS[stage], save)
        elif stage == "seen":
            train_on_seen_features(model, drawer, see(model, bank), schedule)
        else:
            train_joint(model, reader, drawer, schedule, save)
    save()


def load_checkpoint(path: Path, model: InternVLForConditionalGeneration, reader: PatchReader | None = None) -> None:
    """Take a checkpoint's weights over."""
    saved = torch.load(path, weights_only=True)
    model.load_state_dict(saved["model"])
    if reader is not None:
        reader.load_state_dict(saved["reader"])


def _join(work: Path, model: InternVLForConditionalGeneration, reader: PatchReader) -> None:
    """The language model of stage `text` with the tower and projector of stage `vision`."""
    load_checkpoint(work / "vision.pt", model, reader)
    text = torch.load(work / "text.pt", weights_only=True)["model"]
    spoken = {name: value for name, value in text.items() if "language_model" in name or name.startswith("lm_head")}
    model.load_state_dict(spoken, strict=False)


@torch.no_grad()
def see(model: InternVLForConditionalGeneration, bank: Bank, batch: int = 64) -> torch.Tensor:
    """The projector's features of every photo of a bank: float16 [inspections, 6, 16, width]."""
    model.eval()
    seen = torch.empty(len(bank), MAX_PHOTOS, PHOTO_TOKENS, WIDTH, dtype=torch.float16)
    for start in range(0, len(bank), batch):
        inspections = np.arange(start, min(start + batch, len(bank)))
        for view in range(MAX_PHOTOS):
            _, features = look(model, photos_of(bank, inspections, np.full(len(inspections), view)))
            seen[start : start + len(inspections), view] = features.half()
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", choices=STAGES, required=True)
    parser.add_argument("--bank", type=Path, default=Path("/tmp/demo_model"), help="folder of the rendered shards")
    parser.add_argument("--work", type=Path, default=Path("/tmp/demo_model"), help="folder for checkpoints")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--rate", type=float, help="highest learning rate")
    parser.add_argument("--until", type=int, help="stop after this many of the steps")
    parser.add_argument("--resume", help="the stage whose checkpoint to start from")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    stage = arguments.stage
    schedule = Schedule(arguments.steps or STEPS[stage], arguments.rate or RATES[stage], arguments.until)
    run_stage(stage, arguments.bank, arguments.work, schedule, arguments.resume)


if __name__ == "__main__":
    main()
