"""What may be loaded: listed, unchanged, complete, safetensors."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from models.artifact import file_sha256, verify, weights_digest
from models.errors import LoadError


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "config.json").write_text("{}")
    return folder


def write_manifest(model_dir: Path, **changes: Any) -> None:
    files = {name: file_sha256(model_dir / name) for name in ("model.safetensors", "config.json")}
    (model_dir / "manifest.json").write_text(json.dumps({"name": "m", "version": "7", "files": files, **changes}))


def test_without_a_manifest_the_folder_names_the_model(model_dir: Path) -> None:
    identity = verify(model_dir)
    line = f"{hashlib.sha256(b'weights').hexdigest()}  model.safetensors\n"
    assert (identity.name, identity.version) == ("demo", "unversioned")
    assert identity.digest == hashlib.sha256(line.encode()).hexdigest()


def test_the_manifest_names_the_model(model_dir: Path) -> None:
    write_manifest(model_dir)
    identity = verify(model_dir)
    assert (identity.name, identity.version) == ("m", "7")


def test_the_digest_depends_on_weights_and_their_names_only() -> None:
    one = weights_digest({"a": "1", "b": "2"})
    assert one == weights_digest({"b": "2", "a": "1"})
    assert len({one, weights_digest({"a": "2", "b": "1"}), weights_digest({"a": "1"})}) == 3


def test_weights_of_another_digest_than_expected_are_refused(model_dir: Path) -> None:
    digest = verify(model_dir).digest
    assert verify(model_dir, digest).digest == digest
    (model_dir / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(LoadError, match=rf"^MODEL_DIGEST: these weights have the digest [0-9a-f]{{64}}, not {digest}$"):
        verify(model_dir, digest)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_changed_file_is_refused(model_dir: Path, name: str) -> None:
    write_manifest(model_dir)
    (model_dir / name).write_bytes(b"other")
    with pytest.raises(LoadError, match=name):
        verify(model_dir)


def test_a_missing_file_is_refused(model_dir: Path) -> None:
    write_manifest(model_dir)
    (model_dir / "config.json").unlink()
    with pytest.raises(LoadError, match="missing"):
        verify(model_dir)


def test_weights_that_the_manifest_does_not_list_are_refused(model_dir: Path) -> None:
    write_manifest(model_dir)
    (model_dir / "extra.safetensors").write_bytes(b"x")
    with pytest.raises(LoadError, match=r"extra\.safetensors"):
        verify(model_dir)


def test_pickled_weights_are_no_weights(model_dir: Path) -> None:
    (model_dir / "model.safetensors").rename(model_dir / "pytorch_model.bin")
    with pytest.raises(LoadError, match="pickled"):
        verify(model_dir)


@pytest.mark.parametrize(
    "changes",
    [{"name": ""}, {"version": 7}, {"files": {}}, {"files": ["a"]}, {"files": {"../outside": "0"}}],
)
def test_a_wrong_manifest_is_refused(model_dir: Path, changes: dict[str, Any]) -> None:
    write_manifest(model_dir, **changes)
    with pytest.raises(LoadError, match=r"manifest\.json"):
        verify(model_dir)
