"""What can be known of the image without building it."""

import fnmatch
import json
import os
import re
from collections.abc import Iterable
from importlib.metadata import distribution, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

SOURCE = Path(__file__).parents[3] / "endpoint_container"
DOCKERFILE = (SOURCE / "Dockerfile").read_text(encoding="utf-8")


def test_the_server_is_the_containers_own_process() -> None:
    entrypoint = re.search(r"^ENTRYPOINT (.+)$", DOCKERFILE, re.MULTILINE)
    assert entrypoint is not None
    assert json.loads(entrypoint[1]) == ["/opt/program/serve"]
    assert os.access(SOURCE / "serve", os.X_OK)
    assert os.access(SOURCE / "fetch", os.X_OK)


def test_sagemaker_may_choose_the_port_and_runs_it_as_root() -> None:
    assert "LABEL com.amazonaws.sagemaker.capabilities.accept-bind-to-port=true" in DOCKERFILE
    assert not re.search(r"^USER", DOCKERFILE, re.MULTILINE)


def test_what_is_copied_is_there_and_not_ignored() -> None:
    copied = {
        name for names in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE) for name in names.split()
    }
    kept = [line[1:] for line in (SOURCE / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert {name.split("/")[0] for name in copied} == set(kept)
    assert all((SOURCE / name).exists() for name in copied)
    assert not any(fnmatch.fnmatch("demo_model", name) for name in kept)


def test_what_changes_most_is_copied_last() -> None:
    order = ["locked/torch.txt", "locked/rest.txt", "COPY serve fetch"]
    assert sorted(order, key=DOCKERFILE.index) == order


def test_no_package_index_is_kept_in_the_image() -> None:
    installs = [line for line in DOCKERFILE.split("RUN ")[1:] if "pip" in line.split("\n\n")[0] and "install " in line]
    assert len(installs) == 3
    assert all(line.startswith("--mount=type=secret,id=pip,target=/etc/pip.conf") for line in installs)
    assert "://" not in "".join(line for line in DOCKERFILE.splitlines() if not line.startswith("#"))


def test_every_requirement_is_pinned() -> None:
    lines = (SOURCE / "requirements.txt").read_text().split()
    assert all(re.fullmatch(r"[a-z0-9\[\]-]+==[0-9.]+", line) for line in lines)
    installed = [f"{line.partition('==')[0]}=={version(line.partition('==')[0]).partition('+')[0]}" for line in lines]
    assert installed == lines, "what ships is what is tested"
    assert ":latest" not in DOCKERFILE
    assert re.search(r"^ARG BASE_IMAGE=python:3\.11\.\d+-slim-\w+$", DOCKERFILE, re.MULTILINE)


def test_the_stand_in_for_lambda_has_the_runtime_that_is_tested() -> None:
    dockerfile = (SOURCE.parent / "tests" / "image" / "lambda" / "Dockerfile").read_text()
    assert f"awslambdaric=={version('awslambdaric')} " in dockerfile.replace("\n", " ")


def test_the_locked_versions_are_all_that_the_requirements_need() -> None:
    torch = closure(["torch"])
    needed = closure(line.partition("==")[0] for line in (SOURCE / "requirements.txt").read_text().split())
    assert locked("torch") == sorted(torch), "write these lines into locked/torch.txt"
    assert locked("rest") == sorted(needed - torch), "write these lines into locked/rest.txt"


def locked(name: str) -> list[str]:
    return (SOURCE / "locked" / f"{name}.txt").read_text().splitlines()


def closure(names: Iterable[str]) -> set[str]:
    """`name==version` of these distributions and of all that they need, as installed here. A local label is left out:
    torch 2.13.0+cpu stands for 2.13.0."""
    waiting, seen, found = [Requirement(name) for name in names], set(), set()
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        if (name, extras := frozenset(wanted.extras)) in seen:
            continue
        seen.add((name, extras))
        installed = distribution(name)
        found.add(f"{name}=={installed.version.partition('+')[0]}")
        for line in installed.requires or []:
            further = Requirement(line)
            if further.marker is None or any(further.marker.evaluate({"extra": extra}) for extra in ["", *extras]):
                waiting.append(further)
    return found
