"""The tiny BLIP-2, loaded as the container loads it."""

from pathlib import Path

import pytest

from models.blip2.describer import Blip2
from models.blip2.loader import load
from models.interface import ModelOptions


@pytest.fixture(scope="session")
def blip2(blip2_checkpoint: Path) -> Blip2:
    """On one CPU thread, so that tests do not fight for cores; with a cache for photos."""
    return load(ModelOptions(blip2_checkpoint, threads=1, device="cpu", photo_cache_bytes=10**6, slots=8))
