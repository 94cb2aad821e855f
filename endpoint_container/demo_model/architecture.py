"""The demo model's sizes: InternVL's own architecture, small enough to be kept beside the code."""

import torch
from transformers import (
    GenerationConfig,
    InternVLConfig,
    InternVLForConditionalGeneration,
    InternVLVisionConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
)

from models.internvl import prompt

VISION_WIDTH, WIDTH = 192, 128  # hidden sizes of the vision tower and of the language model
PHOTO_TOKENS = 16  # 112 px / patch 14 = 8 x 8 patches, merged 2 x 2
PATCHES, CELLS = 8, 4


def build_config(tokenizer: PreTrainedTokenizerFast) -> InternVLConfig:
    """InternVL with a 5-layer vision tower and a 3-layer Qwen2."""
    vision = InternVLVisionConfig(
        hidden_size=VISION_WIDTH,
        num_hidden_layers=5,
        num_attention_heads=6,
        intermediate_size=512,
        image_size=112,
        patch_size=14,
        attention_bias=True,
        layer_scale_init_value=1.0,
    )
    text = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=320,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        initializer_range=0.05,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )
    return InternVLConfig(
        vision_config=vision,
        text_config=text,
        image_token_id=tokenizer.encode(prompt.IMAGE_CONTEXT, add_special_tokens=False)[0],
        image_seq_length=PHOTO_TOKENS,
        downsample_ratio=0.5,
        tie_word_embeddings=True,
    )


def build_model(tokenizer: PreTrainedTokenizerFast, seed: int) -> InternVLForConditionalGeneration:
    """A model with fresh weights. Layer scale starts at 1: from scratch, InternVL's 0.1 holds the tower back."""
    torch.manual_seed(seed)
    model = InternVLForConditionalGeneration(build_config(tokenizer))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("lambda_1", "lambda_2")):
                parameter.fill_(1.0)
        torch.nn.init.normal_(model.model.vision_tower.embeddings.position_embeddings, std=0.02)
    model.generation_config = GenerationConfig(eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    return model
