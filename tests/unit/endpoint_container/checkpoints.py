"""Tiny checkpoints with random weights in the real file layout, a manifest included; each takes milliseconds."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from transformers import (
    Blip2Config,
    Blip2ForConditionalGeneration,
    BlipImageProcessorPil,
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    CLIPTokenizer,
    PreTrainedTokenizerFast,
)

CLIP_IMAGE_PX = 28
CLIP_POSITIONS = 48
CLIP_DIMENSION = 8
BLIP2_IMAGE_PX = 28
BLIP2_QUERIES = 4
BLIP2_POSITIONS = 160


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


def write_blip2(model_dir: Path) -> Path:
    """One token a byte of text, a photo of 16 patches that becomes 4 tokens, and OPT behind it."""
    tokenizer = _opt_tokenizer()
    tower = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    text = {
        "model_type": "opt",
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "word_embed_proj_dim": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "ffn_dim": 64,
        "max_position_embeddings": BLIP2_POSITIONS,
        # Far from zero, so that each photo and word moves the text by more than rounding does.
        "init_std": 0.3,
        "bos_token_id": tokenizer.convert_tokens_to_ids("</s>"),
        "eos_token_id": tokenizer.convert_tokens_to_ids("\u010a"),
        "pad_token_id": tokenizer.pad_token_id,
    }
    torch.manual_seed(0)
    config = Blip2Config(
        vision_config={**tower, "image_size": BLIP2_IMAGE_PX, "patch_size": 7, "initializer_range": 0.2},
        qformer_config={**tower, "vocab_size": 32, "max_position_embeddings": 32, "initializer_range": 0.2},
        text_config=text,
        num_query_tokens=BLIP2_QUERIES,
        image_token_index=tokenizer.vocab["<image>"],
    )
    model = Blip2ForConditionalGeneration(config)
    # transformers makes them zeros, and then no query asks for anything.
    torch.nn.init.normal_(model.query_tokens)
    torch.nn.init.normal_(model.language_projection.weight)
    model.save_pretrained(model_dir)
    tokenizer.save_pretrained(model_dir)
    BlipImageProcessorPil(size={"height": BLIP2_IMAGE_PX, "width": BLIP2_IMAGE_PX}).save_pretrained(model_dir)
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


def _opt_tokenizer() -> PreTrainedTokenizerFast:
    pieces = ["<pad>", "</s>", "<image>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    raw = Tokenizer(BPE(vocab={piece: number for number, piece in enumerate(pieces)}, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    make: Any = PreTrainedTokenizerFast
    special = {"bos_token": "</s>", "eos_token": "</s>", "pad_token": "<pad>"}
    tokenizer: PreTrainedTokenizerFast = make(tokenizer_object=raw, additional_special_tokens=["<image>"], **special)
    return tokenizer
