"""What is in the image, and what is not."""

import json
from pathlib import Path

from tests.image.engine import Engine

SOURCE = Path(__file__).parents[2] / "endpoint_container"
LIST = """
import importlib.metadata, json, pathlib

def pinned(each):
    return f"{each.name.lower().replace('_', '-')}=={each.version.partition('+')[0]}"

program = pathlib.Path("/opt/program")
print(json.dumps({
    "installed": sorted(map(pinned, importlib.metadata.distributions())),
    "program": sorted(each.name for each in program.iterdir()),
    "tests": [str(each) for each in program.rglob("*test*")],
    "weights": [str(each) for each in pathlib.Path("/opt").rglob("*.safetensors")],
}))
"""


def test_it_holds_what_is_locked_and_the_program(engine: Engine, image: str) -> None:
    listing = engine.run("run", "--rm", "--network", "none", "--entrypoint", "python3", image, "-c", LIST)
    found = json.loads(listing)
    locked = [line for name in ("torch", "rest") for line in (SOURCE / "locked" / f"{name}.txt").read_text().split()]
    # A build for GPUs brings NVIDIA's libraries, whose versions torch itself fixes.
    with_gpu = ("nvidia-", "triton==", "cuda-")
    assert [each for each in found["installed"] if not each.startswith(with_gpu)] == sorted(locked)
    assert found["program"] == ["fetch", "model_source", "models", "serve", "server"]
    assert found["weights"] == []
    assert found["tests"] == []


def test_no_package_index_is_left_in_it(engine: Engine, image: str) -> None:
    history = engine.run("history", "--no-trunc", "--format", "{{.CreatedBy}}", image)
    assert "pip.conf" not in engine.run(
        "run", "--rm", "--entrypoint", "find", image, "/etc", "-name", "pip.conf", "-size", "+0"
    )
    assert "index-url http" not in history


def test_it_starts_the_server_itself(engine: Engine, image: str) -> None:
    settings = engine.inspect(image)["Config"]
    assert settings["Entrypoint"] == ["/opt/program/serve"]
    assert settings["Cmd"] == ["serve"]
    assert settings["User"] == ""
    assert list(settings["ExposedPorts"]) == ["8080/tcp"]
