"""Weights from safetensors files into any of transformers' own model classes: all of them, or none."""

from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from transformers import PreTrainedModel

from models.errors import LoadError

Model = TypeVar("Model", bound=PreTrainedModel)


def load_weights(model_class: type[Model], model_dir: Path, device: torch.device) -> Model:
    """The model, frozen, in bfloat16 on CUDA and float32 on CPU. Raises LoadError.

    No pickle, no code from the artifact, no call to a model hub.
    """
    loader: Any = model_class
    try:
        loaded, info = loader.from_pretrained(
            model_dir,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.bfloat16 if device.type == "cuda" else torch.float32,
            attn_implementation="sdpa",
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise LoadError(f"weights: {error}") from error
    # transformers fills absent weights with random numbers and only warns.
    if absent := sorted({*info["missing_keys"], *(str(key) for key in info["mismatched_keys"])}):
        raise LoadError(f"weights: {len(absent)} absent or of another shape, first {absent[0]}")
    model: Model = loaded.requires_grad_(False).eval().to(device)
    return model
