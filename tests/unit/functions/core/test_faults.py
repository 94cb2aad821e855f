"""What a canary is judged by: bugs that were caught are counted by version, and what merely could not be had is not."""

import json

import pytest
from aws_lambda_powertools.event_handler import APIGatewayRestResolver

from core import observability
from core.errors import NotFound, Unavailable
from core.faults import count_fault
from core.identifiers import new_identifier
from core.problem_responses import answer_with_problems
from core.queues import StageMessage
from core.stage_handler import handle_batch
from tests.fakes.api_gateway import FakeContext, rest_event, sqs_event


def faults(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    """The lines on standard output that carry the metric."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith('{"_aws"')]
    return [line for line in lines if "Faults" in line]


def test_the_metric_is_the_one_that_the_alarms_watch(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observability, "VERSION", "7")
    count_fault()

    (line,) = faults(capsys)
    (told,) = line["_aws"]["CloudWatchMetrics"]  # type: ignore[index]
    assert told["Dimensions"] == [["service", "version"]]
    assert (line["version"], line["Faults"]) == ("7", [1.0])


@pytest.mark.parametrize(("error", "counted"), [(KeyError("x"), 1), (NotFound("x"), 0), (Unavailable("x"), 0)])
def test_a_route(error: Exception, counted: int, capsys: pytest.CaptureFixture[str]) -> None:
    app = APIGatewayRestResolver()
    answer_with_problems(app)

    @app.get("/v1/broken")
    def broken() -> None:
        raise error

    app.resolve(rest_event("GET", "/v1/broken"), FakeContext())
    assert len(faults(capsys)) == counted


@pytest.mark.parametrize(("error", "counted"), [(KeyError("x"), 1), (Unavailable("x"), 0)])
def test_a_message(error: Exception, counted: int, capsys: pytest.CaptureFixture[str]) -> None:
    def run(inspection_id: str) -> None:
        raise error

    body = StageMessage(inspection_id=new_identifier("insp")).model_dump_json()
    handle_batch(sqs_event([body]), FakeContext(), run=run, queues=[])
    assert len(faults(capsys)) == counted
