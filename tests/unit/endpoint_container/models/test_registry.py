"""The family is chosen by config.json, and by nothing else."""

from pathlib import Path

import pytest

from models.errors import LoadError
from models.interface import ModelOptions
from models.registry import load_model


@pytest.mark.parametrize("model_type", ["internvl_chat", "llava", "", "os"])
def test_an_unknown_family_names_the_known_ones(tmp_path: Path, model_type: str) -> None:
    (tmp_path / "config.json").write_text(f'{{"model_type": "{model_type}"}}')
    with pytest.raises(LoadError, match="supported: internvl"):
        load_model(ModelOptions(tmp_path))


@pytest.mark.parametrize("content", [None, "", "[]", "{", "{}", '{"model_type": 3}'])
def test_a_config_without_a_family_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(LoadError, match=r"config\.json"):
        load_model(ModelOptions(tmp_path))
