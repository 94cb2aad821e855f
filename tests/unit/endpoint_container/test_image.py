"""What can be known of the image without building it."""

import fnmatch
import json
import os
import re
from importlib.metadata import version
from pathlib import Path

SOURCE = Path(__file__).parents[3] / "endpoint_container"
DOCKERFILE = (SOURCE / "Dockerfile").read_text(encoding="utf-8")


def test_the_server_is_the_containers_own_process() -> None:
    entrypoint = re.search(r"^ENTRYPOINT (.+)$", DOCKERFILE, re.MULTILINE)
    assert entrypoint is not None
    assert json.loads(entrypoint[1]) == ["/opt/program/serve"]
    assert os.access(SOURCE / "serve", os.X_OK)


def test_sagemaker_may_choose_the_port() -> None:
    assert "LABEL com.amazonaws.sagemaker.capabilities.accept-bind-to-port=true" in DOCKERFILE


def test_what_is_copied_is_there_and_not_ignored() -> None:
    copied = re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, re.MULTILINE)
    kept = [line[1:] for line in (SOURCE / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert sorted(copied) == sorted(kept)
    assert all((SOURCE / name).exists() for name in copied)
    assert not any(fnmatch.fnmatch("demo_model", name) for name in kept)


def test_every_requirement_is_pinned() -> None:
    lines = (SOURCE / "requirements.txt").read_text().split()
    assert all(re.fullmatch(r"[a-z0-9\[\]-]+==[0-9.]+", line) for line in lines)
    installed = [f"{line.partition('==')[0]}=={version(line.partition('==')[0]).partition('+')[0]}" for line in lines]
    assert installed == lines, "what ships is what is tested"
    assert ":latest" not in DOCKERFILE
    assert re.search(r"^ARG BASE_IMAGE=python:3\.11\.\d+-slim-\w+$", DOCKERFILE, re.MULTILINE)
