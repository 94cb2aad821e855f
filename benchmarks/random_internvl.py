"""An InternVL of random weights and settable size, loaded into memory as the container would have it, and its input."""

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import torch
from PIL import Image
from transformers import InternVLConfig, InternVLForConditionalGeneration, Qwen2Config
from transformers.models.internvl import InternVLVisionConfig

from models.byte_cache import ByteCache
from models.inspection import Inspection, Question
from models.interface import ModelIdentity
from models.internvl.calibration import Calibration
from models.internvl.encoding import PromptEncoder
from models.internvl.inspector import InternVLInspector
from models.internvl.loader import load_tokenizer
from models.internvl.photo_features import PhotoFeatures
from models.internvl.preprocessing import DEFAULT_MEAN, DEFAULT_STD, Preprocessing
from models.internvl.prompt import IMAGE_CONTEXT
from models.internvl.shared_prefix import SharedPrefixes
from models.photo import read_header
from scrutineer.local.settings import ROOT

PHOTO_PX = (1344, 1008)
PHOTO_SETS = 4
PATCH_PX = 14
QUESTIONS = (
    Question("item_present", "Do the photos show an item?", ("yes", "no")),
    Question("kind_matches", "Is the item of the kind that was ordered?", ("yes", "no")),
    Question("colour_matches", "Does the item have the colour that was ordered?", ("yes", "no")),
    Question("label_attached", "Is the label attached to the item?", ("yes", "no")),
    Question("damaged", "Is the item damaged?", ("yes", "no")),
    Question("kind", "What is the item?", ("shirt", "shoe", "bottle", "phone", "bag", "book", "nothing")),
)


@dataclass(frozen=True)
class Shape:
    """Widths and depths of the two towers; `tile_px` is a tile's side."""

    tile_px: int
    vision_width: int
    vision_layers: int
    width: int
    layers: int


def random_model(shape: Shape) -> InternVLForConditionalGeneration:
    """The model in float32 on the CPU."""
    tokenizer = load_tokenizer(ROOT / "endpoint_container" / "demo_model" / "artifact")
    torch.manual_seed(0)
    config = InternVLConfig(
        vision_config=InternVLVisionConfig(
            hidden_size=shape.vision_width,
            num_hidden_layers=shape.vision_layers,
            num_attention_heads=shape.vision_width // 64,
            intermediate_size=4 * shape.vision_width,
            image_size=(shape.tile_px, shape.tile_px),
            patch_size=(PATCH_PX, PATCH_PX),
        ),
        text_config=Qwen2Config(
            vocab_size=32_000,
            hidden_size=shape.width,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.width // 64,
            num_key_value_heads=max(1, shape.width // 256),
            intermediate_size=4 * shape.width,
            max_position_embeddings=32_768,
        ),
        image_token_id=int(tokenizer.encode(IMAGE_CONTEXT, add_special_tokens=False)[0]),
        image_seq_length=(shape.tile_px // PATCH_PX // 2) ** 2,
    )
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    model: InternVLForConditionalGeneration = InternVLForConditionalGeneration(config).requires_grad_(False)
    model.train(False)
    return model


def inspector(model: InternVLForConditionalGeneration, shape: Shape, cache_bytes: int) -> InternVLInspector:
    """The inspect task around the model, with both caches of `cache_bytes`."""
    tokenizer = load_tokenizer(ROOT / "endpoint_container" / "demo_model" / "artifact")
    encoder = PromptEncoder(tokenizer, model.config.image_token_id, int(model.config.image_seq_length))
    preprocessing = Preprocessing(shape.tile_px, 1, DEFAULT_MEAN, DEFAULT_STD, 1 / 255, Image.Resampling.BICUBIC)
    return InternVLInspector(
        ModelIdentity("random", "0", "0" * 64),
        model,
        encoder,
        preprocessing,
        Calibration(),
        PhotoFeatures(model, preprocessing, ByteCache(cache_bytes)),
        SharedPrefixes(model, ByteCache(cache_bytes)),
    )


def inspections(photos: int, repeated: bool) -> Iterator[Inspection]:
    """Inspections of `photos` JPEG photos each, for ever; `repeated` ones come back after PHOTO_SETS inspections."""
    drawn = [[_photo(number * photos + place) for place in range(photos)] for number in range(PHOTO_SETS)]
    for number in itertools.count():
        # Bytes behind a JPEG's end change its digest and nothing else.
        tail = b"" if repeated else number.to_bytes(8)
        headers = (
            read_header(f"photo-{place}", data + tail, 10**8, "photos")
            for place, data in enumerate(drawn[number % PHOTO_SETS])
        )
        yield Inspection(tuple(headers), {"description": "red shirt with a label"}, QUESTIONS)


def _photo(seed: int) -> bytes:
    """A smooth random picture, about as many bytes as a photo of its size."""
    pixels = np.random.default_rng(seed).integers(0, 256, (126, 168, 3), dtype=np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).resize(PHOTO_PX, Image.Resampling.BICUBIC).save(file, "JPEG", quality=85)
    return file.getvalue()
