"""An InternVL of random weights and settable size, loaded into memory as the container would have it, and its input."""

import itertools
import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import InternVLConfig, InternVLForConditionalGeneration, PreTrainedTokenizerBase, Qwen2Config
from transformers.models.internvl import InternVLVisionConfig

from benchmarks.shapes import Shape
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
from models.internvl.seen_photos import SeenPhotos
from models.internvl.shared_prefix import SharedPrefixes
from models.photo import read_header

ARTIFACT = Path(__file__).parents[1] / "endpoint_container" / "demo_model" / "artifact"
PHOTO_SETS = 4
# What precheck hands on: the long side is 1344 px. Four to three is one tile, two to one is two and a thumbnail.
PHOTO_PX = {1: (1344, 1008), 3: (1344, 672)}
QUESTIONS = (
    Question("item_present", "Do the photos show an item?", ("yes", "no")),
    Question("kind_matches", "Is the item of the kind that was ordered?", ("yes", "no")),
    Question("colour_matches", "Does the item have the colour that was ordered?", ("yes", "no")),
    Question("label_attached", "Is the label attached to the item?", ("yes", "no")),
    Question("damaged", "Is the item damaged?", ("yes", "no")),
    Question("kind", "What is the item?", ("shirt", "shoe", "bottle", "phone", "bag", "book", "nothing")),
)


def tokenizer() -> PreTrainedTokenizerBase:
    """The demo model's; a checkpoint of another size has more rows in its vocabulary than this one uses."""
    return load_tokenizer(ARTIFACT)


def random_model(shape: Shape, device: torch.device, dtype: torch.dtype) -> InternVLForConditionalGeneration:
    """The model, its weights drawn where they will be used."""
    image_token = int(tokenizer().encode(IMAGE_CONTEXT, add_special_tokens=False)[0])
    config = InternVLConfig(
        vision_config=InternVLVisionConfig(
            hidden_size=shape.vision_width,
            num_hidden_layers=shape.vision_layers,
            num_attention_heads=shape.vision_heads,
            intermediate_size=shape.vision_mlp,
            attention_bias=True,
            image_size=(shape.tile_px, shape.tile_px),
            patch_size=(shape.patch_px, shape.patch_px),
        ),
        text_config=Qwen2Config(
            vocab_size=shape.vocabulary,
            hidden_size=shape.width,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.kv_heads,
            intermediate_size=shape.mlp,
            max_position_embeddings=32_768,
            tie_word_embeddings=False,
        ),
        image_token_id=image_token,
        image_seq_length=shape.tile_tokens,
        tie_word_embeddings=False,
    )
    torch.manual_seed(0)
    if device.type == "cpu":
        torch.set_num_threads(len(os.sched_getaffinity(0)))
    untyped: Any = InternVLForConditionalGeneration
    with device:
        model: InternVLForConditionalGeneration = untyped._from_config(config, dtype=dtype, attn_implementation="sdpa")
    model.requires_grad_(False).train(False)
    return model


def inspector(
    model: InternVLForConditionalGeneration, shape: Shape, cache_bytes: int, max_tiles: int = 1
) -> InternVLInspector:
    """The inspect task around the model, with each cache of `cache_bytes`."""
    encoder = PromptEncoder(tokenizer(), model.config.image_token_id, int(model.config.image_seq_length))
    preprocessing = Preprocessing(
        shape.tile_px, max_tiles, DEFAULT_MEAN, DEFAULT_STD, 1 / 255, Image.Resampling.BICUBIC
    )
    return InternVLInspector(
        ModelIdentity("random", "0", "0" * 64),
        model,
        encoder,
        preprocessing,
        Calibration(),
        PhotoFeatures(model, preprocessing, ByteCache(cache_bytes)),
        SharedPrefixes(model, ByteCache(cache_bytes)),
        SeenPhotos(model, ByteCache(cache_bytes)),
    )


def inspections(photos: int, repeated: bool, size_px: tuple[int, int] = PHOTO_PX[1]) -> Iterator[Inspection]:
    """Inspections of `photos` JPEG photos each, for ever; `repeated` ones come back after PHOTO_SETS inspections."""
    drawn = [[_photo(number * photos + place, size_px) for place in range(photos)] for number in range(PHOTO_SETS)]
    for number in itertools.count():
        headers = (
            read_header(f"photo-{place}", data if repeated else retouched(data, number), 10**8, "photos")
            for place, data in enumerate(drawn[number % PHOTO_SETS])
        )
        yield Inspection(tuple(headers), {"description": "red shirt with a label"}, QUESTIONS)


def retouched(jpeg: bytes, number: int) -> bytes:
    """The JPEG with other pixels, for each number below 65,536 others, at no cost: caches may go by bytes or by pixels.

    The first table of ITU-T T.81's B.2.4.1 scales the coefficients of luminance; its low frequencies are scaled anew.
    """
    first = jpeg.index(b"\xff\xdb") + 5
    lows = slice(first + 1, first + 9)
    scales = bytes(min(255, old + (number >> 2 * place & 3)) for place, old in enumerate(jpeg[lows]))
    return jpeg[: lows.start] + scales + jpeg[lows.stop :]


def _photo(seed: int, size_px: tuple[int, int]) -> bytes:
    """A smooth random picture, about as many bytes as a photo of its size."""
    pixels = np.random.default_rng(seed).integers(0, 256, (126, 168, 3), dtype=np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).resize(size_px, Image.Resampling.BICUBIC).save(file, "JPEG", quality=85)
    return file.getvalue()
