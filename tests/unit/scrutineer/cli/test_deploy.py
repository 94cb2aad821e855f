"""`scrutineer deploy` with a SAM CLI that notes what it was asked, and without an account."""

from pathlib import Path

import pytest

from tests.unit.scrutineer.cli.conftest import Command
from tests.unit.scrutineer.deployment.projects import IMAGE, project

BUCKET = {"Bucket": {"Type": "AWS::S3::Bucket"}}
DECLARED = {
    "ModelImage": {"Type": "String", "Default": "", "AllowedPattern": "^(.+@sha256:[0-9a-f]{64})?$"},
    "StageName": {"Type": "String", "Default": "dev"},
}
SAMCONFIG = """
[dev.deploy.parameters]
stack_name = "scrutineer-dev"
parameter_overrides = ["StageName=live", "ModelImage="]
"""
SAM = """#!/bin/sh
for word in "$@"; do printf '%s\\n' "$word"; done > asked
exit {code}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project, on a machine without credentials."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    place = tmp_path / "project"
    place.mkdir()
    return project(place, BUCKET, declared=DECLARED, samconfig=SAMCONFIG)


def sam(folder: Path, code: int) -> str:
    path = folder / "sam"
    path.write_text(SAM.format(code=code))
    path.chmod(0o755)
    return str(path)


def test_one_parameter_goes_before_those_of_the_file_and_the_others_stay(command: Command, folder: Path) -> None:
    done = command(
        "deploy", "--project", str(folder), "--sam", sam(folder, 0), "--region", "eu-west-1",
        "--parameter", f"ModelImage={IMAGE}", "--role-arn", "arn:role", "--yes",
    )  # fmt: skip
    assert (done.code, "is deployed" in done.out) == (0, True), done.err
    asked = (folder / "asked").read_text().splitlines()
    assert asked[:5] == ["deploy", "--config-env", "dev", "--stack-name", "scrutineer-dev"]
    assert asked[asked.index("--parameter-overrides") + 1 :] == ["StageName=live", f"ModelImage={IMAGE}"]
    assert asked[asked.index("--role-arn") + 1] == "arn:role"
    assert {"--no-confirm-changeset", "--no-fail-on-empty-changeset"} <= set(asked)


def test_without_yes_sam_shows_the_change_set_and_asks(command: Command, folder: Path) -> None:
    assert command("deploy", "--project", str(folder), "--sam", sam(folder, 0), "--region", "eu-west-1").code == 0
    assert "--no-confirm-changeset" not in (folder / "asked").read_text()


@pytest.mark.parametrize(
    ("given", "told"), [("ModelImage=latest", "ModelImage"), ("Unknown=1", "no such parameter"), ("nonsense", "NAME=VALUE")]
)
def test_what_cannot_be_right_is_never_begun(command: Command, folder: Path, given: str, told: str) -> None:
    done = command(
        "deploy", "--project", str(folder), "--sam", sam(folder, 0), "--region", "eu-west-1", "--parameter", given
    )
    assert done.code == 1
    assert told in done.err
    assert not (folder / "asked").exists()


def test_a_failure_whose_end_cannot_be_seen_says_so(command: Command, folder: Path) -> None:
    done = command("deploy", "--project", str(folder), "--sam", sam(folder, 1), "--region", "eu-west-1", "--yes")
    assert done.code == 1
    assert "The deploy failed. What became of scrutineer-dev can't be seen: no credentials" in done.err


def test_a_sam_that_is_not_there(command: Command, folder: Path) -> None:
    done = command("deploy", "--project", str(folder), "--sam", "/nowhere/sam", "--region", "eu-west-1")
    assert (done.code, "--sam says where" in done.err) == (1, True)
