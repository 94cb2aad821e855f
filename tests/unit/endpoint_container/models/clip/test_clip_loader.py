"""A CLIP checkpoint is loaded whole or not at all, by the registry that the container uses."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from models.clip.embedder import Clip
from models.errors import LoadError
from models.interface import ModelOptions
from models.registry import load_model
from tests.unit.endpoint_container.checkpoints import write_manifest


@pytest.fixture
def copied(clip_checkpoint: Path, tmp_path: Path) -> Path:
    """A copy of the tiny checkpoint to spoil."""
    return Path(shutil.copytree(clip_checkpoint, tmp_path / "copy"))


def load(model_dir: Path) -> Any:
    return load_model(ModelOptions(model_dir, threads=1, device="cpu"))


def test_the_family_comes_from_the_configuration(clip_checkpoint: Path) -> None:
    model = load(clip_checkpoint)
    assert isinstance(model, Clip)
    assert (model.identity.name, model.identity.version) == ("tiny-clip", "1")
    assert list(model.tasks) == ["embed"]
    model.self_test()


def test_on_a_cpu_weights_are_float32_and_frozen(clip: Clip) -> None:
    parameters = list(clip.embedder.model.parameters())
    assert {parameter.dtype for parameter in parameters} == {torch.float32}
    assert not any(parameter.requires_grad for parameter in parameters)
    assert not clip.embedder.model.training


def test_weights_that_the_manifest_does_not_vouch_for_are_refused(copied: Path) -> None:
    weights = copied / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
    with pytest.raises(LoadError, match="sha256"):
        load(copied)


def test_absent_weights_are_not_made_up(copied: Path) -> None:
    weights = load_file(copied / "model.safetensors")
    del weights["visual_projection.weight"]
    save_file(weights, copied / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(LoadError, match="1 absent"):
        load(write_manifest(_without_manifest(copied)))


def test_pickled_weights_are_never_loaded(copied: Path) -> None:
    torch.save({}, copied / "pytorch_model.bin")
    (copied / "model.safetensors").unlink()
    with pytest.raises(LoadError, match="safetensors"):
        load(copied)


@pytest.mark.parametrize("file", ["tokenizer.json", "preprocessor_config.json"])
def test_a_missing_file_is_refused(copied: Path, file: str) -> None:
    (copied / file).unlink()
    (copied / "manifest.json").unlink()
    with pytest.raises(LoadError):
        load(copied)


def test_a_tokenizer_of_another_model_is_refused(copied: Path) -> None:
    config = json.loads((copied / "config.json").read_text())
    config["text_config"]["eos_token_id"] = 7
    (copied / "config.json").write_text(json.dumps(config))
    with pytest.raises(LoadError, match="must end with the token 7"):
        load(write_manifest(_without_manifest(copied)))


def _without_manifest(model_dir: Path) -> Path:
    (model_dir / "manifest.json").unlink()
    return model_dir
