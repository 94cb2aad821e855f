"""`scrutineer deploy` with a SAM CLI that notes what it was asked, and an account that lets one look at little."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from scrutineer.local.http_server import HttpServer
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
IDENTITY = (
    "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:sts::123456789012:assumed-role/deploy/ci</Arn>"
    "<UserId>U</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
)
DENIED = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"


class Account:
    """AWS for a role that may do next to nothing: whoever it is, and what `answers` hold by the name of the action."""

    def __init__(self) -> None:
        self.answers = {"GetCallerIdentity": IDENTITY}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        asked = parse_qs((await request.body()).decode(errors="replace")).get("Action", [""])[0]
        if asked in self.answers:
            answer = Response(self.answers[asked], media_type="text/xml")
        elif "json" in request.headers.get("content-type", ""):
            answer = Response('{"__type": "AccessDeniedException", "message": "no"}', 403)
        else:
            answer = Response(DENIED, 403, media_type="text/xml")
        await answer(scope, receive, send)


def stack(status: str) -> str:
    return (
        "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>scrutineer-dev</StackName>"
        f"<StackId>id</StackId><StackStatus>{status}</StackStatus><CreationTime>2026-11-21T09:30:00Z</CreationTime>"
        "</member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
    )


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    made = Account()
    server = HttpServer(made, name="account")
    server.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    yield made
    server.stop()


@pytest.fixture
def folder(tmp_path: Path, account: Account) -> Path:
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
    ("given", "told"),
    [("ModelImage=latest", "ModelImage"), ("Unknown=1", "no such parameter"), ("nonsense", "NAME=VALUE")],
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
    assert "What became of scrutineer-dev can't be seen: needs cloudformation:DescribeStacks" in done.err


def test_a_failure_names_the_way_back(command: Command, folder: Path, account: Account) -> None:
    account.answers["DescribeStacks"] = stack("UPDATE_ROLLBACK_FAILED")
    account.answers["DescribeStackEvents"] = (
        "<DescribeStackEventsResponse><DescribeStackEventsResult><StackEvents/></DescribeStackEventsResult>"
        "</DescribeStackEventsResponse>"
    )
    done = command("deploy", "--project", str(folder), "--sam", sam(folder, 1), "--region", "eu-west-1", "--yes")
    assert done.code == 1
    assert "→ aws cloudformation continue-update-rollback --stack-name scrutineer-dev" in done.err
    assert done.err.endswith("Error: The deploy failed. The stack is stuck on its way back.\n")


def test_the_doctor_comes_first(
    command: Command, folder: Path, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    done = command("deploy", "--project", str(folder), "--sam", sam(folder, 0), "--region", "eu-west-1", "--yes")
    assert done.code == 1
    assert "✗ credentials" in done.err
    assert not (folder / "asked").exists()


def test_a_sam_that_is_not_there(command: Command, folder: Path) -> None:
    done = command("deploy", "--project", str(folder), "--sam", "/nowhere/sam", "--region", "eu-west-1")
    assert (done.code, "--sam says where" in done.err) == (1, True)
