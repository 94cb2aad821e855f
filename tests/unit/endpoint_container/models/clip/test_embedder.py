"""Vectors against transformers' own forward, number by number."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
import torch
from PIL import Image
from transformers import CLIPImageProcessorPil, CLIPModel, CLIPTokenizer

from models.clip.embedder import Clip
from models.embedding import EmbeddingRequest, EmbeddingResult, Text
from models.errors import EndpointError
from models.photo import Photo, read_header
from tests.unit.endpoint_container.checkpoints import CLIP_DIMENSION, CLIP_POSITIONS

TEXTS = ("a red shirt", "Ein Schuh, GRÖSSE 42 👟", "x")
SIZES = ((64, 48), (28, 28), (31, 90), (500, 33))


def text(value: str, number: int = 0) -> Text:
    return Text(f"text-{number}", value, f"inputs[{number}].text")


def embed(clip: Clip, *inputs: Text | Photo) -> EmbeddingResult:
    return clip.embedder.run(clip.embedder.prepare(EmbeddingRequest(inputs)))


def test_texts_are_what_transformers_makes_of_them(clip: Clip, clip_checkpoint: Path) -> None:
    model = CLIPModel.from_pretrained(clip_checkpoint).eval()
    tokenizer = CLIPTokenizer.from_pretrained(clip_checkpoint)
    result = embed(clip, *(text(value, number) for number, value in enumerate(TEXTS)))
    for value, vector in zip(TEXTS, result.vectors, strict=True):
        with torch.no_grad():
            features = model.get_text_features(**tokenizer([value], return_tensors="pt")).pooler_output
        torch.testing.assert_close(torch.tensor(vector), unit(features), rtol=0, atol=1e-6)
    assert result.usage.prompt_tokens == sum(len(ids) for ids in tokenizer(list(TEXTS)).input_ids)


def test_photos_are_what_transformers_makes_of_them(
    clip: Clip, clip_checkpoint: Path, photo: Callable[..., Photo]
) -> None:
    model = CLIPModel.from_pretrained(clip_checkpoint).eval()
    processor = CLIPImageProcessorPil.from_pretrained(clip_checkpoint)
    photos = [photo(number, size=size) for number, size in enumerate(SIZES)]
    result = embed(clip, *photos)
    for source, vector in zip(photos, result.vectors, strict=True):
        image = source.decode((source.width, source.height))
        with torch.no_grad():
            features = model.get_image_features(processor(image, return_tensors="pt").pixel_values).pooler_output
        torch.testing.assert_close(torch.tensor(vector), unit(features), rtol=0, atol=1e-5)


def test_mixed_inputs_come_back_in_their_order(clip: Clip, photo: Callable[..., Photo]) -> None:
    inputs = (text("a", 1), photo(1), text("a longer text", 2), photo(2))
    together = torch.tensor(embed(clip, *inputs).vectors)
    alone = torch.tensor([embed(clip, source).vectors[0] for source in inputs])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-6)
    # Only as good a check as the vectors differ.
    assert (together @ together.T - torch.eye(4)).max() < 0.999


def test_vectors_are_of_length_1_and_their_dimension_is_stated(clip: Clip, photo: Callable[..., Photo]) -> None:
    result = embed(clip, text("a"), photo())
    assert result.dimension == CLIP_DIMENSION
    assert torch.tensor(result.vectors).norm(dim=-1).tolist() == pytest.approx([1.0, 1.0], abs=1e-6)
    assert (result.usage.texts, result.usage.photos, result.usage.prompt_tokens) == (1, 1, 3)


def test_each_tower_runs_once_a_request(clip: Clip, photo: Callable[..., Photo]) -> None:
    model, batches = clip.embedder.model, []
    towers = (model.text_model, model.vision_model)
    hooks = [tower.register_forward_hook(lambda *run: batches.append(len(run[-1].pooler_output))) for tower in towers]
    embed(clip, text("a", 1), photo(1), text("b", 2), photo(2), photo(3))
    for hook in hooks:
        hook.remove()
    assert batches == [2, 3]


def test_a_photo_is_turned_upright(clip: Clip, photo: Callable[..., Photo]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    lying, plain = photo(size=(60, 40), exif=exif), photo(size=(60, 40))
    assert (lying.width, lying.height) == (40, 60)
    file = BytesIO()
    plain.decode((60, 40)).transpose(Image.Transpose.ROTATE_270).save(file, "PNG")
    turned = read_header("turned", file.getvalue(), 10**6, "inputs[0].photo")
    assert torch.equal(clip.embedder.scaling.pixels(lying), clip.embedder.scaling.pixels(turned))


def test_a_text_is_refused_rather_than_cut(clip: Clip) -> None:
    assert embed(clip, text("x" * (CLIP_POSITIONS - 2))).usage.prompt_tokens == CLIP_POSITIONS
    with pytest.raises(EndpointError, match="text_too_long") as raised:
        embed(clip, text("a"), text("x" * (CLIP_POSITIONS - 1), 1))
    assert raised.value.field == "inputs[1].text"
    assert f"{CLIP_POSITIONS + 1} tokens" in raised.value.detail


@pytest.mark.parametrize("value", ["<|endoftext|>", "a <|startoftext|> b"])
def test_control_tokens_are_refused(clip: Clip, value: str) -> None:
    with pytest.raises(EndpointError, match="control_token"):
        embed(clip, text(value))


def test_the_self_test_fails_on_nan(clip: Clip, clip_checkpoint: Path) -> None:
    clip.self_test()
    weight = clip.embedder.model.visual_projection.weight
    kept = weight.clone()
    weight.fill_(float("nan"))
    try:
        with pytest.raises(EndpointError, match="model_output_invalid"):
            clip.self_test()
    finally:
        weight.copy_(kept)


def unit(features: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.normalize(features[0], dim=-1)
