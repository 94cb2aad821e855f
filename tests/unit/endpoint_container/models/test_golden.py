"""The pinned answers: a model that gives others does not serve."""

import base64
import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models.errors import LoadError
from models.inspection import Inspection
from models.interface import ModelOptions
from models.internvl.golden import read_golden
from models.internvl.loaded import InternVL
from models.internvl.loader import load
from tests.unit.endpoint_container.checkpoints import write_manifest

Content = dict[str, Any]


@pytest.fixture
def pinned(internvl: InternVL, inspection: Callable[..., Inspection], checkpoint: Path, tmp_path: Path) -> Path:
    """A copy of the tiny checkpoint that pins its own answers, with a manifest."""
    request = inspection(1, 2)
    result = internvl.inspector.run(internvl.inspector.prepare(request))
    content = {
        "photos": [base64.b64encode(photo.data).decode() for photo in request.photos],
        "item": request.item,
        "questions": [{"id": each.id, "text": each.text, "answers": each.answers} for each in request.questions],
        "probabilities": {answer.id: answer.probabilities for answer in result.answers},
        "tolerance": 0.001,
    }
    folder = Path(shutil.copytree(checkpoint, tmp_path / "pinned"))
    (folder / "golden.json").write_text(json.dumps(content))
    return write_manifest(folder)


def edit(folder: Path, change: Callable[[Content], object]) -> Path:
    content = json.loads((folder / "golden.json").read_text())
    change(content)
    (folder / "golden.json").write_text(json.dumps(content))
    (folder / "manifest.json").unlink()
    return write_manifest(folder)


def loaded(folder: Path) -> InternVL:
    return load(ModelOptions(folder, threads=1, device="cpu"))


def test_the_model_that_was_pinned_serves(pinned: Path, caplog: pytest.LogCaptureFixture) -> None:
    loaded(pinned).self_test()
    assert not caplog.records


def test_another_models_answers_end_the_start_with_the_reason(pinned: Path) -> None:
    model = loaded(pinned)
    weight = model.inspector.model.lm_head.weight
    weight.mul_(0.9)
    with pytest.raises(LoadError, match=r"question '\w+', answer '\w+': probability 0\.\d{4}, pinned 0\.\d{4}"):
        model.self_test()


def test_other_preprocessing_is_noticed(pinned: Path) -> None:
    settings = json.loads((pinned / "preprocessor_config.json").read_text())
    (pinned / "preprocessor_config.json").write_text(json.dumps({**settings, "image_mean": [0.0, 0.0, 0.0]}))
    (pinned / "manifest.json").unlink()
    with pytest.raises(LoadError, match="pinned"):
        loaded(write_manifest(pinned)).self_test()


def test_without_pinned_answers_the_log_warns(internvl: InternVL, caplog: pytest.LogCaptureFixture) -> None:
    internvl.self_test()
    assert [(record.message, record.levelno) for record in caplog.records] == [("no_golden_photo", logging.WARNING)]


def test_the_manifest_must_vouch_for_it(pinned: Path) -> None:
    manifest = json.loads((pinned / "manifest.json").read_text())
    del manifest["files"]["golden.json"]
    (pinned / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(LoadError, match=r"does not list golden\.json"):
        loaded(pinned)
    (pinned / "manifest.json").unlink()
    assert read_golden(pinned) is not None


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.pop("photos"),
        lambda content: content["photos"].clear(),
        lambda content: content["photos"].append("not base64!"),
        lambda content: content["photos"].append("aGVsbG8="),
        lambda content: content["questions"].clear(),
        lambda content: content["questions"].append("damaged"),
        lambda content: content["probabilities"].pop("damaged"),
        lambda content: content["probabilities"]["damaged"].pop("yes"),
        lambda content: content["probabilities"]["damaged"].update(maybe=0.0),
        lambda content: content["probabilities"].update(damaged=0.5),
        lambda content: content.update(tolerance=0),
        lambda content: content.update(tolerance=1.0),
        lambda content: content.update(tolerance="wide"),
        lambda content: content.update(item=None),
    ],
)
def test_a_broken_one_is_refused(pinned: Path, change: Callable[[Content], object]) -> None:
    with pytest.raises(LoadError, match=r"golden\.json"):
        loaded(edit(pinned, change))
