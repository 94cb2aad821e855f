"""Settings from a mapping: defaults, values, and values that cannot be."""

from pathlib import Path

import pytest

from server.process import model_options
from server.settings import Settings, SettingsError


def test_an_empty_environment_gives_the_container_defaults() -> None:
    settings = Settings.from_mapping({})
    assert settings == Settings()
    assert (settings.model_dir, settings.host, settings.port) == (Path("/opt/ml/model"), "0.0.0.0", 8080)


def test_values_are_taken() -> None:
    settings = Settings.from_mapping({"MODEL_DIR": "/m", "HOST": "127.0.0.1", "THREADS": "2", "DEVICE": "cpu"})
    assert (settings.model_dir, settings.host, settings.threads, settings.device) == (Path("/m"), "127.0.0.1", 2, "cpu")


def test_sagemaker_can_name_the_port() -> None:
    assert Settings.from_mapping({"SAGEMAKER_BIND_TO_PORT": "8081"}).port == 8081
    assert Settings.from_mapping({"SAGEMAKER_BIND_TO_PORT": "8081", "PORT": "9000"}).port == 9000


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "0"), ("PORT", "65536"), ("PORT", "eighty"), ("THREADS", "-1"), ("MAX_QUEUE", ""),
     ("MAX_ANSWERS", "27"), ("MAX_PIXELS", "1e6"), ("MAX_PHOTOS", "²"), ("DEVICE", "tpu"),
     ("MODEL_DIGEST", "a" * 63), ("MODEL_DIGEST", "A" * 64)],
)  # fmt: skip
def test_a_value_out_of_range_names_its_setting(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_mapping({name: value})


def test_the_model_is_held_to_its_digest() -> None:
    options = model_options(Settings.from_mapping({"MODEL_DIR": "/m", "MODEL_DIGEST": "a1" * 32}))
    assert (options.model_dir, options.digest) == (Path("/m"), "a1" * 32)


def test_every_setting_can_be_set() -> None:
    changed = {name.upper(): "7" for name, value in vars(Settings()).items() if isinstance(value, int)}
    settings = Settings.from_mapping(changed)
    assert all(getattr(settings, name.lower()) == 7 for name in changed)
