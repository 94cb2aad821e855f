"""From a model directory to a loaded InternVL: safetensors only, local files only, no code from the artifact."""

import os
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from transformers import (
    AutoTokenizer,
    InternVLForConditionalGeneration,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)
from transformers.models.internvl import InternVLVisionConfig

from models.artifact import verify
from models.byte_cache import ByteCache
from models.errors import LoadError
from models.generation.language import Language, end_tokens
from models.generation.slot_writer import SlotWriter
from models.interface import ModelOptions
from models.internvl.calibration import read_calibration
from models.internvl.describer import InternVLDescriber, InternVLExplainer
from models.internvl.encoding import PromptEncoder
from models.internvl.golden import read_golden
from models.internvl.inspector import InternVLInspector
from models.internvl.loaded import InternVL
from models.internvl.photo_features import PhotoFeatures
from models.internvl.preprocessing import Preprocessing, read_preprocessing
from models.internvl.seen_photos import SeenPhotos
from models.internvl.shared_prefix import SharedPrefixes
from models.internvl.wording import TURN_END, InternVLWording


def load(options: ModelOptions) -> InternVL:
    """Load the checkpoint in transformers' own InternVL layout (the "-hf" one). Raises LoadError."""
    identity = verify(options.model_dir, options.digest)
    torch.set_num_threads(options.threads or len(os.sched_getaffinity(0)))
    device = choose_device(options.device)
    preprocessing = read_preprocessing(options.model_dir)
    model = load_weights(options.model_dir, device)
    _check_fit(model, preprocessing)
    encoder = PromptEncoder(
        load_tokenizer(options.model_dir), model.config.image_token_id, int(model.config.image_seq_length)
    )
    calibration = read_calibration(options.model_dir)
    features = PhotoFeatures(model, preprocessing, ByteCache(options.photo_cache_bytes))
    prefixes = SharedPrefixes(model, ByteCache(options.prefix_cache_bytes))
    seen = SeenPhotos(model, ByteCache(options.seen_cache_bytes))
    inspector = InternVLInspector(identity, model, encoder, preprocessing, calibration, features, prefixes, seen)
    describer = offer_writing(inspector, options) if options.slots else None
    return InternVL(inspector, read_golden(options.model_dir), describer)


def offer_writing(inspector: InternVLInspector, options: ModelOptions) -> InternVLDescriber:
    """What describes photos with the inspector's own model; the inspector can explain its answers from then on."""
    model = inspector.model
    turn_end = inspector.encoder.tokenizer.encode(TURN_END, add_special_tokens=False)
    if len(turn_end) != 1:
        raise LoadError(
            f"tokenizer: {TURN_END} must be one token, for a text ends there; GENERATION_SLOTS=0 needs none"
        )
    ends = end_tokens(model, *turn_end)
    language = Language(model.model.language_model, model.lm_head, model.config.image_token_id, ends)
    writer = SlotWriter(language, options.slots, options.slot_tokens)
    wording = InternVLWording(inspector.encoder, int(model.config.image_seq_length), ends)
    inspector.explainer = InternVLExplainer(inspector.prepare_photo, inspector.features, wording, writer)
    return InternVLDescriber(inspector.prepare_photo, inspector.features, wording, writer)


def choose_device(name: str) -> torch.device:
    """auto is CUDA where there is one; asking for cuda without one is an error, not a slow surprise."""
    if name == "cuda" and not torch.cuda.is_available():
        raise LoadError("device cuda is asked for, but there is none")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def load_weights(model_dir: Path, device: torch.device) -> InternVLForConditionalGeneration:
    """The model in bfloat16 on CUDA and float32 on CPU, every weight of it from the files."""
    try:
        loaded: Any = InternVLForConditionalGeneration.from_pretrained(
            model_dir,
            local_files_only=True,
            use_safetensors=True,
            dtype=torch.bfloat16 if device.type == "cuda" else torch.float32,
            # Packed questions need a mask of their own, which flash attention does not take.
            attn_implementation="sdpa",
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise LoadError(f"weights: {error}") from error
    info: dict[str, Any] = loaded[1]
    # transformers fills absent weights with random numbers and only warns.
    if absent := sorted({*info["missing_keys"], *(str(key) for key in info["mismatched_keys"])}):
        raise LoadError(f"weights: {len(absent)} absent or of another shape, first {absent[0]}")
    model: InternVLForConditionalGeneration = loaded[0].requires_grad_(False).eval().to(device)
    return model


def load_tokenizer(model_dir: Path) -> PreTrainedTokenizerBase:
    """tokenizer.json taken as it is; AutoTokenizer, which may rebuild parts of it, only for older layouts."""
    whole = (model_dir / "tokenizer.json").exists()
    loader: Any = PreTrainedTokenizerFast if whole else AutoTokenizer
    try:
        tokenizer: PreTrainedTokenizerBase = loader.from_pretrained(
            model_dir, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LoadError(f"tokenizer: {error}") from error
    return tokenizer


def _check_fit(model: InternVLForConditionalGeneration, preprocessing: Preprocessing) -> None:
    """Files of one artifact that contradict each other would give wrong answers, not errors: refuse them here."""
    vision = cast(InternVLVisionConfig, model.config.vision_config)
    (height, width), (patch_height, patch_width) = _pair(vision.image_size), _pair(vision.patch_size)
    if (height, width) != (preprocessing.tile_px, preprocessing.tile_px):
        raise LoadError(
            f"the preprocessor makes tiles of {preprocessing.tile_px} px, the model takes {width} x {height}"
        )
    tokens = int((height // patch_height) * (width // patch_width) * model.config.downsample_ratio**2)
    if tokens != model.config.image_seq_length:
        raise LoadError(f"config.json: image_seq_length must be {tokens} for this vision tower")
    if "sliding_attention" in (getattr(model.config.text_config, "layer_types", None) or ()):
        raise LoadError("config.json: language models with sliding-window attention are not supported")


def _pair(sides: int | list[int] | tuple[int, ...]) -> tuple[int, int]:
    return (sides, sides) if isinstance(sides, int) else (sides[0], sides[1])
