"""`scrutineer doctor` and `plan` as commands: words, JSON, exit codes, and nothing that is secret."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from scrutineer.cli.plan import open_hours
from scrutineer.local.settings import ROOT
from tests.unit.scrutineer.cli.conftest import Command
from tests.unit.scrutineer.deployment.projects import IMAGE, project

GIVEN = [
    word
    for pair in (f"ModelImage={IMAGE}", "ModelArtifact=s3://models/model.tar.gz", f"ModelDigest={'0' * 64}")
    for word in ("--parameter", pair)
]
QUEUE = {"Queue": {"Type": "AWS::SQS::Queue"}, "Nat": {"Type": "AWS::EC2::NatGateway"}}


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials, and nowhere to have them from."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_offline_the_repositorys_own_environments_are_in_order(environment: str, command: Command) -> None:
    done = command("doctor", "--offline", "--before", "--config-env", environment, "--region", "eu-west-1", *GIVEN)
    assert (done.code, done.err) == (0, "")
    assert "✗" not in done.out
    assert "– credentials, permissions, stack, " in done.out
    assert done.out.count("could not look: offline") == 1
    assert "✓ timeouts: client 35 s > gateway 29 s" in done.out
    assert done.out.splitlines()[-1].startswith("0 failed, ")


def test_what_is_missing_is_told_with_its_command(command: Command) -> None:
    done = command("doctor", "--offline", "--before", "--region", "eu-west-1")
    assert done.code == 1
    assert "✗ parameters: EndpointKind sagemaker needs ModelImage" in done.out
    assert "    → sam deploy --guided --config-env dev" in done.out


def test_without_credentials_the_files_are_looked_at_all_the_same(command: Command) -> None:
    done = command("doctor", "--before", "--region", "eu-west-1", *GIVEN)
    assert done.code == 1
    assert "✗ credentials: could not look: no credentials" in done.out
    assert ", quotas, image, " in done.out
    assert "✓ timeouts" in done.out
    assert "Traceback" not in done.out + done.err


def test_as_json(command: Command) -> None:
    done = command("doctor", "--offline", "--after", "--json", *GIVEN)
    found = json.loads(done.out)
    assert found["stack"] == "scrutineer-dev"
    assert {"check": "drift", "verdict": "skipped", "line": "could not look: offline", "mend": None} in found[
        "findings"
    ]
    assert {finding["verdict"] for finding in found["findings"]} <= {"ok", "warn", "fail", "skipped"}


def test_no_secret_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command) -> None:
    declared = {"Token": {"Type": "String", "NoEcho": True, "AllowedPattern": "^[a-z]+$"}}
    folder = project(tmp_path, QUEUE, declared=declared)
    monkeypatch.setenv("SCRUTINEER_DATABASE", "mysql://u:CANARY@127.0.0.1:9/n")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "CANARY")
    for words in (("doctor",), ("doctor", "--json"), ("plan",), ("plan", "--json")):
        done = command(*words, "--offline", "--project", str(folder), "--parameter", "Token=CANARY")
        assert "CANARY" not in done.out + done.err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("doctor", "--config-env", "staging"), "has no environment 'staging', only dev, prod"),
        (("doctor", "--parameter", "ModelImage"), "--parameter 'ModelImage': it must be NAME=VALUE."),
        (("doctor", "--artifact", "none.tar.gz"), "--artifact: there is no file none.tar.gz."),
        (("doctor", "--project", "/nowhere"), "/nowhere/samconfig.toml: No such file or directory"),
        (("plan", "--config-env", "staging"), "has no environment 'staging', only dev, prod"),
    ],
)
def test_a_mistake_is_one_line(words: tuple[str, ...], line: str, command: Command) -> None:
    done = command(*words)
    assert done.code == 1
    assert done.err.startswith("Error: ")
    assert line in done.err


def test_what_is_planned_and_what_it_costs(tmp_path: Path, command: Command) -> None:
    folder = project(tmp_path, QUEUE)
    done = command("plan", "--offline", "--project", str(folder), "--region", "us-east-1")
    assert done.code == 0
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert "AWS::SQS::Queue 1" in lines
    assert any(line.startswith("NAT gateway 1 0.0450 0.0450 2026-") and "https://" in line for line in lines)
    assert "Known: 0.045 USD an hour, at most 0.045; 33 a month at 24 h a day." in lines


def test_an_unknown_price_is_said_and_not_guessed(tmp_path: Path, command: Command) -> None:
    folder = project(tmp_path, {**QUEUE, "Proxy": {"Type": "AWS::RDS::DBProxy"}})
    done = command("plan", "--offline", "--project", str(folder), "--region", "ap-south-1", "--json")
    found = json.loads(done.out)
    assert (found["region"], found["changes"]) == ("ap-south-1", None)
    assert [(each["what"], each["hourly_usd"]) for each in found["hourly"]] == [
        ("NAT gateway", None),
        ("database proxy (by the vCPUs of the database)", None),
    ]
    shown = command("plan", "--offline", "--project", str(folder), "--region", "ap-south-1").out
    assert "unknown here; 0.045 USD/hour in us-east-1" in shown
    assert "To it come 2 whose price is unknown" in shown


def test_without_credentials_the_plan_is_the_templates(tmp_path: Path, command: Command) -> None:
    done = command("plan", "--project", str(project(tmp_path, QUEUE)), "--region", "us-east-1")
    assert done.code == 0
    assert "What would change: not asked (no credentials" in done.out


def test_a_plan_that_would_be_refused_says_so_and_asks_nobody(command: Command) -> None:
    given = ("--parameter", "FargateMinTasks=5")
    done = command("plan", "--config-env", "prod", "--region", "us-east-1", *GIVEN, *given)
    assert (done.code, done.err) == (1, "Parameters: FargateMinTasks (5) must not be more than FargateMaxTasks (4).\n")
    assert "What would change: not asked (its parameters would be refused)" in done.out


def test_the_repositorys_own_plan(command: Command) -> None:
    done = command("plan", "--offline", "--config-env", "prod", "--region", "us-east-1", *GIVEN)
    assert (done.code, done.err) == (0, "")
    assert "endpoint ml.g5.xlarge" in done.out
    assert "while the service is closed" in done.out
    assert "a month at 18 h a day" in done.out


def test_help_is_quick_to_import() -> None:
    asked = (
        "import sys, scrutineer.cli.main; print([n for n in ('boto3', 'samtranslator', 'moto') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("opens", "closes", "hours"),
    [("00:00", "24:00", 24), ("06:00", "24:00", 18), ("22:30", "06:00", 7.5), ("08:00", "08:00", 24)],
)
def test_hours_a_day(opens: str, closes: str, hours: float) -> None:
    assert open_hours({"ServiceOpens": opens, "ServiceCloses": closes}) == hours
    assert open_hours({}) == 24
