"""From a model directory to a loaded CLIP: safetensors only, local files only, no code from the artifact."""

import os
from typing import cast

import torch
from transformers import CLIPModel, CLIPTextConfig, CLIPVisionConfig

from models.artifact import verify
from models.checkpoint.photo_scaling import read_photo_scaling
from models.checkpoint.weights import load_weights
from models.clip.embedder import Clip, CLIPEmbedder
from models.clip.encoding import TextEncoder
from models.interface import ModelOptions
from models.internvl.loader import choose_device, load_tokenizer


def load(options: ModelOptions) -> Clip:
    """Load a checkpoint in transformers' CLIP layout. Raises LoadError."""
    identity = verify(options.model_dir, options.digest)
    torch.set_num_threads(options.threads or len(os.sched_getaffinity(0)))
    model = load_weights(CLIPModel, options.model_dir, choose_device(options.device))
    vision = cast(CLIPVisionConfig, model.config.vision_config)
    scaling = read_photo_scaling(options.model_dir, square=False, image_px=cast(int, vision.image_size))
    encoder = TextEncoder(load_tokenizer(options.model_dir), cast(CLIPTextConfig, model.config.text_config))
    return Clip(identity, CLIPEmbedder(model, encoder, scaling))
