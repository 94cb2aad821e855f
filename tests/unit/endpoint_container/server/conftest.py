"""A running app around any fake, and a valid request to spoil."""

import base64
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from models.interface import LoadedModel, ModelOptions
from models.registry import load_model
from server.app import create_app
from server.health import State
from server.settings import Settings

Start = Callable[..., TestClient]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts an app in process and waits until it left STARTING, unless told not to."""
    with ExitStack() as running:

        def start(load_model: Callable[[], LoadedModel], wait: bool = True, **settings: Any) -> TestClient:
            app = create_app(Settings(**settings), load_model)
            client = running.enter_context(TestClient(app, raise_server_exceptions=False))
            while wait and app.state.health.state is State.STARTING:
                time.sleep(0.002)
            return client

        yield start


@pytest.fixture
def load_clip(clip_checkpoint: Path) -> Callable[[], LoadedModel]:
    """Loads the tiny CLIP as the container would."""
    return lambda: load_model(ModelOptions(clip_checkpoint, threads=1, device="cpu"))


@pytest.fixture
def body(encoded_photo: Callable[..., bytes]) -> dict[str, Any]:
    """A valid inspection of one small photo with two questions."""
    return {
        "task": "inspect",
        "photos": [{"id": "front", "data": base64.b64encode(encoded_photo()).decode()}],
        "item": {"description": "red shirt", "attributes": {"size": "M"}, "sku": "S-1"},
        "questions": [
            {"id": "damaged", "text": "Is the item damaged?", "answers": ["no", "yes"]},
            {"id": "kind", "text": "What is the item?", "answers": ["shirt", "shoe", "bag"]},
        ],
    }
