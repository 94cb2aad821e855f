"""Writes and reads the artifact: the files of a real InternVL checkpoint, with `python -m demo_model.artifact`."""

import argparse
import hashlib
import json
from pathlib import Path

import torch
from transformers import (
    GotOcr2ImageProcessor,
    InternVLForConditionalGeneration,
    PreTrainedTokenizerFast,
)

from demo_model.architecture import PHOTO_TOKENS, build_model
from demo_model.inspections import MODEL_SIZE
from demo_model.sampling import MEAN, SPREAD
from demo_model.tokenizer import train_tokenizer
from demo_model.train import load_checkpoint

ARTIFACT = Path(__file__).parent / "artifact"
NAME, VERSION = "demo-internvl", "1"
CALIBRATION, MANIFEST, CARD = "calibration.json", "manifest.json", "README.md"


def write_artifact(model: InternVLForConditionalGeneration, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Weights in float16 and all that a loader needs beside them. Calibration starts neutral."""
    folder.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    width, height = MODEL_SIZE
    processor = GotOcr2ImageProcessor(
        size={"height": height, "width": width},
        image_mean=list(MEAN),
        image_std=list(SPREAD),
        crop_to_patches=False,
        min_patches=1,
        max_patches=1,
    )
    processor.save_pretrained(folder)
    about = {"image_seq_length": PHOTO_TOKENS, "processor_class": "InternVLProcessor"}
    write_json(folder / "processor_config.json", about)
    write_json(folder / CALIBRATION, {"temperatures": {}, "default": 1.0})
    write_manifest(folder)


def write_manifest(folder: Path) -> None:
    """Name, version and every file's SHA-256. Call it after anything in the folder has changed."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != MANIFEST)
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    write_json(folder / MANIFEST, {"name": NAME, "version": VERSION, "files": digests})


def write_json(path: Path, value: object) -> None:
    """Indented JSON with a line break at its end."""
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def read_artifact(folder: Path) -> tuple[InternVLForConditionalGeneration, PreTrainedTokenizerFast, dict[str, float]]:
    """The model in float32 and eval mode, its tokenizer, and the temperature of each question."""
    model = InternVLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, local_files_only=True).eval()
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    temperatures = json.loads((folder / CALIBRATION).read_text(encoding="utf-8"))["temperatures"]
    return model, tokenizer, temperatures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=Path("/tmp/demo_model/joint.pt"))
    parser.add_argument("--to", type=Path, default=ARTIFACT)
    arguments = parser.parse_args()
    tokenizer = train_tokenizer()
    model = build_model(tokenizer, seed=0)
    load_checkpoint(arguments.checkpoint, model)
    write_artifact(model, tokenizer, arguments.to)


if __name__ == "__main__":
    main()
