"""The scripts of both ways of delivering, run with commands that only note what they are asked."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

DIGEST = "sha256:" + "a" * 64
REPOSITORY = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/endpoint"
NOTE = 'echo "$(basename "$0") $*" >> "$NOTES"\n'
ENVIRONMENT = {
    "CONFIG_ENV": "dev",
    "STACK_NAME": "scrutineer-dev",
    "EXECUTION_ROLE": "arn:role",
    "SMOKE_KEY_SECRET": "arn:secret",
    "IMAGE_REPOSITORY": REPOSITORY,
    "CODEBUILD_RESOLVED_SOURCE_VERSION": "c0ffee",
}


class Project:
    """A checkout with nothing but the scripts; `answers` are what the commands print."""

    def __init__(self, folder: Path, scripts: Path) -> None:
        self.folder = folder
        self.notes = folder / "notes"
        shutil.copytree(scripts, folder / "infrastructure" / "buildspecs")
        (folder / "bin").mkdir()
        (folder / ".venv" / "bin").mkdir(parents=True)
        (folder / ".aws-sam").mkdir()
        (folder / "sbom").mkdir()
        (folder / "sbom" / "image.cdx.json").write_text("{}")
        for name in ("make", "aws", "docker"):
            self.answer(name, "")
        self.answer("git", "", code=128)
        self.answer("scrutineer", "", place=".venv/bin")

    def answer(self, command: str, said: str, *, code: int = 0, place: str = "bin") -> None:
        path = self.folder / place / command
        path.write_text(f"#!/bin/sh\n{NOTE}printf '%s' '{said}'\nexit {code}\n")
        path.chmod(0o755)

    def run(self, script: str, **environment: str) -> int:
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            [self.folder / "infrastructure" / "buildspecs" / script],
            env={"PATH": path, "NOTES": str(self.notes), **ENVIRONMENT, **environment},
            capture_output=True,
            check=False,
        )
        return done.returncode

    def asked(self, command: str) -> list[str]:
        lines = self.notes.read_text().splitlines()
        return [line.removeprefix(f"{command} ") for line in lines if line.startswith(f"{command} ")]


@pytest.fixture
def project(tmp_path: Path, root: Path) -> Project:
    return Project(tmp_path, root / "infrastructure" / "buildspecs")


def test_a_release_deploys_the_image_that_was_built_and_looks_with_the_key(project: Project) -> None:
    (project.folder / ".aws-sam" / "image").write_text(f"{REPOSITORY}@{DIGEST}\n")
    assert project.run("release.sh") == 0
    deploy, smoke = project.asked("scrutineer")
    assert deploy == f"deploy --config-env dev --parameter ModelImage={REPOSITORY}@{DIGEST} --role-arn arn:role --yes"
    assert smoke == "smoke --within 900"
    assert any("get-secret-value --secret-id arn:secret" in asked for asked in project.asked("aws"))


def test_what_was_not_deployed_is_not_looked_at(project: Project) -> None:
    (project.folder / ".aws-sam" / "image").write_text(f"{REPOSITORY}@{DIGEST}\n")
    project.answer("scrutineer", "", code=1, place=".venv/bin")
    assert project.run("release.sh") == 1
    assert len(project.asked("scrutineer")) == 1


def test_without_a_build_nothing_is_deployed(project: Project) -> None:
    assert project.run("release.sh") != 0
    assert not project.notes.exists()


def test_an_image_is_tried_before_it_is_pushed_and_noted_by_its_digest(project: Project) -> None:
    project.answer("docker", f"{REPOSITORY}@{DIGEST}")
    assert project.run("push_image.sh") == 0
    lines = project.notes.read_text().splitlines()
    tried = lines.index(f"make image-test IMAGE={REPOSITORY}:c0ffee")
    assert tried < lines.index(f"docker push --quiet {REPOSITORY}:c0ffee")
    assert (project.folder / ".aws-sam" / "image").read_text() == f"{REPOSITORY}@{DIGEST}\n"
    assert (project.folder / ".aws-sam" / "sbom" / "image.cdx.json").is_file()


def test_a_commit_that_has_its_image_keeps_it(project: Project) -> None:
    project.answer("aws", DIGEST)
    assert project.run("push_image.sh") == 0
    assert project.asked("docker") == []
    assert (project.folder / ".aws-sam" / "image").read_text() == f"{REPOSITORY}@{DIGEST}\n"


def test_an_image_that_fails_its_trial_goes_nowhere(project: Project) -> None:
    project.answer("make", "", code=2)
    assert project.run("push_image.sh") != 0
    assert project.asked("docker") == []
    assert not (project.folder / ".aws-sam" / "image").exists()


@pytest.mark.parametrize("missing", ["CONFIG_ENV", "STACK_NAME", "EXECUTION_ROLE", "SMOKE_KEY_SECRET"])
def test_a_missing_variable_is_told_before_anything_is_done(project: Project, missing: str) -> None:
    assert project.run("release.sh", **{missing: ""}) != 0
    assert not project.notes.exists()
