"""The one place that chooses a model family, by `model_type` in the artifact's config.json."""

import json
from collections.abc import Callable
from importlib import import_module

from models.errors import LoadError
from models.interface import LoadedModel, ModelOptions

# By name, not by import: torch and transformers take seconds to import, and only the chosen family needs them.
FAMILIES = {
    "internvl": "models.internvl.loader",
    "clip": "models.clip.loader",
    "blip-2": "models.blip2.loader",
}


def load_model(options: ModelOptions) -> LoadedModel:
    """Load the artifact in `options.model_dir`. Raises LoadError if it cannot be served."""
    model_type = read_model_type(options)
    if model_type not in FAMILIES:
        raise LoadError(f"config.json: model_type {model_type!r} is not supported; supported: {', '.join(FAMILIES)}")
    load: Callable[[ModelOptions], LoadedModel] = import_module(FAMILIES[model_type]).load
    return load(options)


def read_model_type(options: ModelOptions) -> str:
    """The model family's name as transformers knows it."""
    path = options.model_dir / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LoadError(f"{path}: cannot be read as JSON ({type(error).__name__})") from error
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        raise LoadError(f"{path}: has no model_type")
    return str(config["model_type"])
