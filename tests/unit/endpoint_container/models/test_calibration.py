"""Temperatures from calibration.json."""

from pathlib import Path

import pytest

from models.errors import LoadError
from models.internvl.calibration import Calibration, read_calibration


def test_without_a_file_nothing_is_changed(tmp_path: Path) -> None:
    assert read_calibration(tmp_path) == Calibration()
    assert Calibration().temperature("any") == 1.0


def test_a_question_without_its_own_takes_the_default(tmp_path: Path) -> None:
    (tmp_path / "calibration.json").write_text('{"temperatures": {"damaged": 2}, "default": 1.5}')
    calibration = read_calibration(tmp_path)
    assert (calibration.temperature("damaged"), calibration.temperature("kind")) == (2.0, 1.5)


@pytest.mark.parametrize(
    "content",
    ["[]", '{"temperatures": [1]}', '{"temperatures": {"a": 0}}', '{"temperatures": {"a": "1"}}', '{"default": -1}',
     '{"default": NaN}', '{"default": true}'],
)  # fmt: skip
def test_a_temperature_that_cannot_be_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "calibration.json").write_text(content)
    with pytest.raises(LoadError, match=r"calibration\.json"):
        read_calibration(tmp_path)
