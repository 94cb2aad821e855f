"""A BLIP-2 checkpoint is loaded whole or not at all, by the registry that the container uses."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from models.blip2.describer import Blip2
from models.errors import LoadError
from models.interface import ModelOptions
from models.registry import load_model


@pytest.fixture
def copied(blip2_checkpoint: Path, tmp_path: Path) -> Path:
    """A copy of the tiny checkpoint to spoil, without its manifest."""
    copy = Path(shutil.copytree(blip2_checkpoint, tmp_path / "copy"))
    (copy / "manifest.json").unlink()
    return copy


def load(model_dir: Path, slots: int = 2) -> Any:
    return load_model(ModelOptions(model_dir, threads=1, device="cpu", slots=slots))


def test_the_family_comes_from_the_configuration(blip2_checkpoint: Path) -> None:
    model = load(blip2_checkpoint)
    assert isinstance(model, Blip2)
    assert (model.identity.name, list(model.tasks)) == ("tiny-blip2", ["describe"])
    parameters = list(model.describer.model.parameters())
    assert {parameter.dtype for parameter in parameters} == {torch.float32}
    assert not any(parameter.requires_grad for parameter in parameters)


def without_image_token(config: dict[str, Any]) -> None:
    config.pop("image_token_index", None)
    config.pop("image_token_id", None)


def with_an_encoder_decoder(config: dict[str, Any]) -> None:
    config["text_config"]["model_type"] = "t5"


def with_a_token_beyond(config: dict[str, Any]) -> None:
    config["image_token_index"] = 100_000


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (without_image_token, "has no image_token_index"),
        (with_an_encoder_decoder, "encoder-decoder"),
        (with_a_token_beyond, "beyond the language model's vocabulary"),
    ],
)
def test_a_configuration_that_cannot_be_served_is_refused(
    copied: Path, spoil: Callable[[dict[str, Any]], None], reason: str
) -> None:
    config = json.loads((copied / "config.json").read_text())
    spoil(config)
    (copied / "config.json").write_text(json.dumps(config))
    with pytest.raises(LoadError, match=reason):
        load(copied)


def test_weights_that_the_manifest_does_not_vouch_for_are_refused(blip2_checkpoint: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(blip2_checkpoint, tmp_path / "copy"))
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
    with pytest.raises(LoadError, match="sha256"):
        load(copy)


def test_absent_weights_are_not_made_up(copied: Path) -> None:
    weights = load_file(copied / "model.safetensors")
    del weights["language_projection.weight"]
    save_file(weights, copied / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(LoadError, match="1 absent"):
        load(copied)


def test_pickled_weights_are_never_loaded(copied: Path) -> None:
    torch.save({}, copied / "pytorch_model.bin")
    (copied / "model.safetensors").unlink()
    with pytest.raises(LoadError, match="safetensors"):
        load(copied)


def test_a_model_that_may_not_write_is_not_loaded(blip2_checkpoint: Path) -> None:
    with pytest.raises(LoadError, match="GENERATION_SLOTS is 0"):
        load(blip2_checkpoint, slots=0)
