"""Tiny checkpoints with random weights in the real file layout, a manifest included; each takes milliseconds."""

import hashlib
import json
from pathlib import Path

import torch
from tokenizers import pre_tokenizers
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPTokenizer

CLIP_IMAGE_PX = 28
CLIP_POSITIONS = 48
CLIP_DIMENSION = 8


def write_clip(model_dir: Path) -> Path:
    """One token a byte of text; photos of 16 patches."""
    tokenizer = _clip_tokenizer()
    tower = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "projection_dim": CLIP_DIMENSION,
    }
    text = {
        **tower,
        "vocab_size": len(tokenizer),
        "max_position_embeddings": CLIP_POSITIONS,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    vision = {**tower, "image_size": CLIP_IMAGE_PX, "patch_size": 7}
    torch.manual_seed(0)
    # A larger factor keeps the vectors of different inputs apart by more than rounding does.
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=CLIP_DIMENSION, initializer_factor=4.0)
    CLIPModel(config).save_pretrained(model_dir)
    tokenizer.save_pretrained(model_dir)
    size = {"shortest_edge": CLIP_IMAGE_PX}
    crop = {"height": CLIP_IMAGE_PX, "width": CLIP_IMAGE_PX}
    CLIPImageProcessorPil(size=size, crop_size=crop).save_pretrained(model_dir)
    return write_manifest(model_dir)


def write_manifest(model_dir: Path) -> Path:
    """List every file of a model directory with its digest."""
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(model_dir.iterdir())}
    manifest = {"name": model_dir.name, "version": "1", "files": files}
    (model_dir / "manifest.json").write_text(json.dumps(manifest))
    return model_dir


def _clip_tokenizer() -> CLIPTokenizer:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={piece: number for number, piece in enumerate(pieces)}, merges=[])
