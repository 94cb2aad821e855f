"""A tiny InternVL with random weights, made once a session: real layout, real tokenizer, milliseconds a forward."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import settings
from PIL import Image
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers import (
    GotOcr2ImageProcessorPil,
    InternVLConfig,
    InternVLForConditionalGeneration,
    PreTrainedTokenizerFast,
    Qwen2Config,
)
from transformers.models.internvl import InternVLVisionConfig

from tests.unit.endpoint_container import checkpoints

# Cores are shared with other programs: how long an example takes says nothing.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")

TILE_PX = 28
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<img>", "</img>", "<IMG_CONTEXT>", "<video>"]
CORPUS = (
    "You check photos of a returned item against what was ordered. Answer only from what the photos show.",
    "Question: Is the item damaged? Answer with one of: yes, no. Answer with one letter: A) yes, B) no.",
    "system user assistant Photo 1: 2: 3: kind colour label attached yes no yes no shirt shoe bottle phone bag book",
)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory as transformers writes one; 4 image tokens a 28-px tile."""
    model_dir = tmp_path_factory.mktemp("models") / "tiny-internvl"
    tokenizer = _tokenizer()
    torch.manual_seed(0)
    config = InternVLConfig(
        vision_config=InternVLVisionConfig(
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            image_size=(TILE_PX, TILE_PX),
            patch_size=(7, 7),
            layer_scale_init_value=1.0,
            initializer_range=0.2,
        ),
        text_config=Qwen2Config(
            vocab_size=len(tokenizer),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            intermediate_size=64,
            max_position_embeddings=4096,
            # Far from zero, so that each photo and word moves the answers by more than rounding does.
            initializer_range=0.2,
        ),
        image_token_id=SPECIAL.index("<IMG_CONTEXT>"),
        image_seq_length=4,
    )
    InternVLForConditionalGeneration(config).save_pretrained(model_dir)
    tokenizer.save_pretrained(model_dir)
    GotOcr2ImageProcessorPil(
        size={"height": TILE_PX, "width": TILE_PX},
        image_mean=[0.485, 0.456, 0.406],
        image_std=[0.229, 0.224, 0.225],
    ).save_pretrained(model_dir)
    return model_dir


@pytest.fixture(scope="session")
def clip_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CLIP with random weights and a manifest."""
    return checkpoints.write_clip(tmp_path_factory.mktemp("models") / "tiny-clip")


@pytest.fixture(scope="session")
def blip2_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BLIP-2 with random weights and a manifest."""
    return checkpoints.write_blip2(tmp_path_factory.mktemp("models") / "tiny-blip2")


@pytest.fixture(scope="session")
def encoded_photo() -> Callable[..., bytes]:
    """Makes an image of noise: the same seed, the same pixels."""

    def make(seed: int = 0, size: tuple[int, int] = (64, 48), format: str = "PNG", **options: object) -> bytes:
        pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        file = BytesIO()
        Image.fromarray(pixels).save(file, format, **options)
        return file.getvalue()

    return make


def _tokenizer() -> PreTrainedTokenizerFast:
    raw = Tokenizer(BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    raw.train_from_iterator(
        CORPUS, BpeTrainer(vocab_size=700, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False)
    )
    make: Any = PreTrainedTokenizerFast
    tokenizer: PreTrainedTokenizerFast = make(tokenizer_object=raw, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    return tokenizer
