"""From a model directory to a loaded BLIP-2: safetensors only, local files only, no code from the artifact."""

import os
from pathlib import Path
from typing import Any, cast

import torch
from transformers import Blip2ForConditionalGeneration

from models.artifact import read_json_object, verify
from models.blip2.describer import Blip2, Blip2Describer
from models.blip2.wording import Blip2Wording
from models.byte_cache import ByteCache
from models.checkpoint.photo_scaling import read_photo_scaling
from models.checkpoint.weights import load_weights
from models.errors import LoadError
from models.generation.language import Language, end_tokens
from models.generation.slot_writer import SlotWriter
from models.interface import ModelOptions
from models.internvl.loader import choose_device, load_tokenizer


def load(options: ModelOptions) -> Blip2:
    """Load a checkpoint in transformers' BLIP-2 layout with a decoder-only language model. Raises LoadError."""
    if options.slots == 0:
        raise LoadError("a BLIP-2 model can only write, and GENERATION_SLOTS is 0")
    _check_config(options.model_dir)
    identity = verify(options.model_dir, options.digest)
    torch.set_num_threads(options.threads or len(os.sched_getaffinity(0)))
    model = load_weights(Blip2ForConditionalGeneration, options.model_dir, choose_device(options.device))
    config: Any = model.config
    scaling = read_photo_scaling(options.model_dir, square=True, image_px=config.vision_config.image_size)
    ends = end_tokens(model)
    wording = Blip2Wording(load_tokenizer(options.model_dir), _start_token(config), ends)
    language = cast(Any, model.language_model)
    writer = SlotWriter(
        Language(language.base_model, language.get_output_embeddings(), config.image_token_index, ends),
        options.slots,
        options.slot_tokens,
    )
    cache: ByteCache[bytes, torch.Tensor] = ByteCache(options.photo_cache_bytes)
    return Blip2(identity, Blip2Describer(identity, model, wording, scaling, writer, cache))


def _check_config(model_dir: Path) -> None:
    """Refuse what this engine does not do before gigabytes are read."""
    config = read_json_object(model_dir / "config.json")
    text_config = config.get("text_config") or {}
    language = text_config.get("model_type", "opt")
    if text_config.get("is_encoder_decoder") or language == "t5":
        raise LoadError(
            f"config.json: the language model {language!r} is an encoder-decoder; only decoders such as OPT are served"
        )
    image_token = config.get("image_token_index")
    if not isinstance(image_token, int):
        raise LoadError(
            "config.json: has no image_token_index, so the photo's place in a prompt is unknown; "
            "take a revision of the checkpoint that was saved by transformers 4.46 or later"
        )
    if image_token >= int(text_config.get("vocab_size", image_token + 1)):
        raise LoadError(f"config.json: image_token_index {image_token} is beyond the language model's vocabulary")


def _start_token(config: Any) -> int:
    start = config.text_config.bos_token_id
    if not isinstance(start, int):
        raise LoadError("config.json: text_config has no bos_token_id")
    return start
