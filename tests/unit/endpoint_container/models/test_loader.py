"""A checkpoint is loaded whole or not at all."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from models.errors import LoadError
from models.interface import ModelOptions
from models.internvl.loaded import InternVL
from models.internvl.loader import choose_device, load
from models.internvl.preprocessing import read_preprocessing

Spoil = Callable[..., Path]


@pytest.fixture
def copied(checkpoint: Path, tmp_path: Path) -> Path:
    """A copy of the tiny checkpoint to spoil."""
    return Path(shutil.copytree(checkpoint, tmp_path / "copy"))


def edit(path: Path, **changes: Any) -> None:
    """Change top-level keys of a JSON file; None removes one."""
    content = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


def test_on_a_cpu_weights_are_float32_and_frozen(internvl: InternVL) -> None:
    model = internvl.inspector.model
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert not model.training


def test_sharded_checkpoints_are_loaded(internvl: InternVL, copied: Path) -> None:
    (copied / "model.safetensors").unlink()
    internvl.inspector.model.save_pretrained(copied, max_shard_size="60KB")
    assert len(list(copied.glob("model-*.safetensors"))) > 1

    loaded = load(ModelOptions(copied, threads=1, device="cpu")).inspector.model.state_dict()

    expected = internvl.inspector.model.state_dict()
    assert loaded.keys() == expected.keys()
    assert all(torch.equal(loaded[name], expected[name]) for name in expected)


def test_threads_are_set(internvl: InternVL) -> None:
    assert torch.get_num_threads() == 1


def test_weights_of_another_digest_than_expected_are_not_loaded(copied: Path) -> None:
    expected = "0" * 64
    with pytest.raises(LoadError, match=f"^MODEL_DIGEST: .* not {expected}$"):
        load(ModelOptions(copied, threads=1, device="cpu", digest=expected))


def test_absent_weights_are_not_made_up(copied: Path) -> None:
    weights = load_file(copied / "model.safetensors")
    del weights[next(name for name in weights if "vision_tower" in name)]
    save_file(weights, copied / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(LoadError, match="1 absent"):
        load(ModelOptions(copied, threads=1, device="cpu"))


@pytest.mark.parametrize(
    ("file", "changes", "reason"),
    [
        ("preprocessor_config.json", {"size": {"height": 56, "width": 56}}, "tiles of 56 px"),
        ("preprocessor_config.json", {"size": {"height": 28, "width": 56}}, "size"),
        ("preprocessor_config.json", {"size": None}, "size"),
        ("preprocessor_config.json", {"max_patches": "many", "crop_to_patches": True}, "preprocessor_config"),
        ("config.json", {"image_seq_length": 5}, "image_seq_length must be 4"),
        ("config.json", {"image_token_id": 1}, "IMG_CONTEXT"),
    ],
)
def test_files_that_contradict_each_other_are_refused(
    copied: Path, file: str, changes: dict[str, Any], reason: str
) -> None:
    edit(copied / file, **changes)
    with pytest.raises(LoadError, match=reason):
        load(ModelOptions(copied, threads=1, device="cpu"))


@pytest.mark.parametrize("file", ["tokenizer.json", "preprocessor_config.json"])
def test_a_missing_file_is_refused(copied: Path, file: str) -> None:
    (copied / file).unlink()
    with pytest.raises(LoadError):
        load(ModelOptions(copied, threads=1, device="cpu"))


def test_truncated_weights_are_refused(copied: Path) -> None:
    path = copied / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(LoadError, match="weights"):
        load(ModelOptions(copied, threads=1, device="cpu"))


def test_photos_are_cut_only_where_the_checkpoint_says_so(copied: Path) -> None:
    assert read_preprocessing(copied).max_tiles == 1
    edit(copied / "preprocessor_config.json", crop_to_patches=True, max_patches=6)
    assert read_preprocessing(copied).max_tiles == 6


def test_image_settings_may_lie_in_the_processors_file(copied: Path) -> None:
    expected = read_preprocessing(copied)
    settings = json.loads((copied / "preprocessor_config.json").read_text())
    (copied / "preprocessor_config.json").unlink()
    (copied / "processor_config.json").write_text(json.dumps({"image_processor": settings}))
    assert read_preprocessing(copied) == expected


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_asking_for_a_missing_device_is_an_error() -> None:
    assert choose_device("auto").type == "cpu"
    with pytest.raises(LoadError, match="cuda"):
        choose_device("cuda")
