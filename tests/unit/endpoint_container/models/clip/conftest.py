"""The tiny CLIP, loaded as the container loads it."""

from pathlib import Path

import pytest

from models.clip.embedder import Clip
from models.clip.loader import load
from models.interface import ModelOptions


@pytest.fixture(scope="session")
def clip(clip_checkpoint: Path) -> Clip:
    """On one CPU thread, so that tests do not fight for cores."""
    return load(ModelOptions(clip_checkpoint, threads=1, device="cpu"))
