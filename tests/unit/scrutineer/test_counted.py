"""What is read out of logs in the embedded metric format, as Powertools writes it."""

import io
import json
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from aws_lambda_powertools.metrics import EphemeralMetrics
from typer.testing import CliRunner

from scrutineer.cli.main import app
from scrutineer.counted import Counted, counted_in


def line(service: str, **values: float) -> str:
    written = io.StringIO()
    with redirect_stdout(written):
        metrics = EphemeralMetrics(service=service, namespace="Scrutineer/test")
        for name, value in values.items():
            metrics.add_metric(name, "Count", value)
        metrics.flush_metrics()
    return written.getvalue()


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    later = json.loads(line("sweeper", HeldNow=3))
    later["_aws"]["Timestamp"] += 60_000
    (tmp_path / "SweeperFunction.log").write_text(
        json.dumps(later) + "\n" + line("sweeper", HeldNow=7) + '{"level": "INFO"}\nSTART RequestId\n{"_aws": {"Tim'
    )
    (tmp_path / "InvokeFunction.log").write_text("2026-11-21T09:00:00Z " + line("invoke", EndpointCalls=1) * 2)
    return tmp_path


def test_values_are_added_up_and_the_newest_is_the_last(logs: Path) -> None:
    assert counted_in(logs) == [
        Counted("EndpointCalls", {"service": "invoke"}, "Count", times=2, total=2.0, last=1.0),
        Counted("HeldNow", {"service": "sweeper"}, "Count", times=2, total=10.0, last=3.0),
    ]


def test_the_command_shows_them(logs: Path) -> None:
    shown = CliRunner().invoke(app, ["metrics", "--logs", str(logs)])
    assert [row.split() for row in shown.output.splitlines()[1:]] == [
        ["EndpointCalls", "invoke", "2", "2.0", "1.0", "Count"],
        ["HeldNow", "sweeper", "2", "10.0", "3.0", "Count"],
    ]
    listed = json.loads(CliRunner().invoke(app, ["metrics", "--logs", str(logs), "--json"]).output)
    assert listed[0]["metric"] == "EndpointCalls"


def test_nothing_counted_is_said_so(tmp_path: Path) -> None:
    assert "Nothing has been counted" in CliRunner().invoke(app, ["metrics", "--logs", str(tmp_path)]).output


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments, said in ((["--logs", "nowhere"], "--logs"), ([], "scrutineer up")):
        result = CliRunner().invoke(app, ["metrics", *arguments])
        assert said in str(result.exception)
