"""An engine that answers and an image on it, or one line that says what is missing."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.image.engine import Engine, EngineError

ARTIFACT = Path(__file__).parents[2] / "endpoint_container" / "demo_model" / "artifact"


@pytest.fixture(scope="session")
def engine() -> Engine:
    engine = Engine(os.environ.get("DOCKER", "docker"))
    try:
        engine.run("info", "--format", "{{.ServerVersion}}")
    except EngineError as error:
        pytest.exit(f"No Docker engine answers ({error}): these tests need one; DOCKER says how it is called.", 1)
    return engine


@pytest.fixture(scope="session")
def image(engine: Engine) -> str:
    name = os.environ.get("IMAGE", "scrutineer-endpoint")
    try:
        engine.inspect(name)
    except EngineError:
        pytest.exit(f"There is no image {name}: build it by `make image`.", 1)
    return name


@pytest.fixture(scope="session")
def artifact() -> Path:
    """A trained model that is small, with photos and their pinned answers."""
    return ARTIFACT


@pytest.fixture(scope="session")
def golden() -> dict[str, Any]:
    """The artifact's own golden inspection."""
    content: dict[str, Any] = json.loads((ARTIFACT / "golden.json").read_text())
    return content


@pytest.fixture(scope="session")
def inspection(golden: dict[str, Any]) -> dict[str, Any]:
    """The golden inspection as a request."""
    photos = [{"id": f"photo-{number}", "data": data} for number, data in enumerate(golden["photos"])]
    return {"task": "inspect", "photos": photos, "item": golden["item"], "questions": golden["questions"]}
