"""Trains the demo model, stage by stage: `python -m demo_model.train --stage text|vision|join|joint`.

`text` and `vision` need nothing of each other and may run side by side; `join` puts their weights together.
"""

import argparse
from pathlib import Path

import torch
from transformers import InternVLForConditionalGeneration

from demo_model.architecture import build_model
from demo_model.checklist import read_questions
from demo_model.concepts import start_one_head_matching, start_words_at_concepts
from demo_model.joint_stage import train_joint
from demo_model.optimise import Schedule
from demo_model.packing import Packer
from demo_model.render import read_bank
from demo_model.sampling import BatchDrawer
from demo_model.text_stage import train_text
from demo_model.tokenizer import train_tokenizer
from demo_model.vision_stage import PatchReader, train_vision

STAGES = ("text", "vision", "join", "joint")
STEPS = {"text": 800, "vision": 2000, "join": 0, "joint": 2100}
RATES = {"text": 1.5e-3, "vision": 1e-3, "join": 0.0, "joint": 7e-4}
# Comparing is what the language model learns last, label and damage what the tower does.
EMPHASIS = {
    "text": {"item_present": 0.5, "kind_matches": 2.5, "colour_matches": 2.5},
    "joint": {"item_present": 0.4, "label_attached": 2.0, "damaged": 2.5},
}
SEEDS = {"text": 11, "vision": 12, "join": 13, "joint": 15}


def run_stage(stage: str, bank_folder: Path, work: Path, schedule: Schedule, seed: int, resume: str | None) -> None:
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
        drawer = BatchDrawer(bank, Packer(tokenizer), read_questions(), EMPHASIS.get(stage, {}), seed)
        torch.manual_seed(seed)
        if stage == "text":
            if resume is None:
                start_words_at_concepts(model, tokenizer)
                start_one_head_matching(model)
            train_text(model, drawer, schedule, seed, save)
        elif stage == "vision":
            train_vision(model, reader, bank, read_bank(bank_folder, "calibrate"), schedule, seed, save)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", choices=STAGES, required=True)
    parser.add_argument("--bank", type=Path, default=Path("/tmp/demo_model"), help="folder of the rendered shards")
    parser.add_argument("--work", type=Path, default=Path("/tmp/demo_model"), help="folder for checkpoints")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--rate", type=float, help="highest learning rate")
    parser.add_argument("--until", type=int, help="stop after this many of the steps")
    parser.add_argument("--seed", type=int, help="of the batches; take another one to go on where a run ended")
    parser.add_argument("--resume", help="the stage whose checkpoint to start from")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    stage = arguments.stage
    schedule = Schedule(arguments.steps or STEPS[stage], arguments.rate or RATES[stage], arguments.until)
    seed = SEEDS[stage] if arguments.seed is None else arguments.seed
    run_stage(stage, arguments.bank, arguments.work, schedule, seed, arguments.resume)


if __name__ == "__main__":
    main()
