"""What is counted of a final inspection: its outcome always, in time or not where the objective is about it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from core.contract import ChecklistName, Failure, Inspection, Item
from core.end_metrics import IN_TIME_S, count_end
from core.lanes import Lane
from core.states import FINAL, State
from tests.told_metrics import told_metrics

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)


def final(
    state: State = State.PASSED, *, total_ms: float = 2_000.0, lane: Lane = Lane.INTERACTIVE, code: str | None = None
) -> Inspection:
    return Inspection(
        id="insp_a",
        state=state,
        final=True,
        lane=lane,
        checklist=ChecklistName(name="reverse-pickup", version=1),
        item=Item(description="red shoe"),
        reference=None,
        photos=[],
        verdict=None,
        failure=Failure(code=code, detail="why") if code else None,
        accepted_at=NOW,
        expires_at=None,
        held_until=None,
        finished_at=NOW,
        timings_ms={"precheck": 500.0, "invoke": 1_000.0, "format": 500.0, "total": total_ms, "endpoint_total": 90.0},
    )


def counted(capsys: pytest.CaptureFixture[str], inspection: Inspection, *, was_held: bool = False) -> list[Any]:
    count_end("client-a", inspection, was_held=was_held)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def late(lines: list[Any]) -> list[float]:
    return [value for line in lines for value in line.get("InspectionsLate", [])]


@pytest.mark.parametrize("state", sorted(FINAL))
def test_each_outcome_is_counted_under_its_own_dimension_alone(
    state: State, capsys: pytest.CaptureFixture[str]
) -> None:
    ends, *_ = counted(capsys, final(state))
    (directive,) = ends["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["Outcome"]]
    assert [each["Name"] for each in directive["Metrics"]] == ["InspectionsFinal"]
    assert (ends["Outcome"], ends["InspectionsFinal"]) == (state.value, [1.0])
    assert (("Outcome", state.value),) in told_metrics()["InspectionsFinal"]


def test_the_line_tells_whose_it_was_and_how_long_each_stage_took(capsys: pytest.CaptureFixture[str]) -> None:
    ends, _ = counted(capsys, final(State.ERROR, code="endpoint_unavailable"))
    assert {name: ends[name] for name in ("inspection_id", "client_id", "lane", "checklist", "code", "reused")} == {
        "inspection_id": "insp_a",
        "client_id": "client-a",
        "lane": "interactive",
        "checklist": "reverse-pickup",
        "code": "endpoint_unavailable",
        "reused": False,
    }
    stages = ("precheck", "invoke", "format", "total")
    assert [ends[f"{stage}_ms"] for stage in stages] == [500.0, 1_000.0, 500.0, 2_000.0]


@pytest.mark.parametrize(
    ("inspection", "expected"),
    [
        (final(total_ms=IN_TIME_S * 1000), [0.0]),
        (final(total_ms=IN_TIME_S * 1000 + 0.1), [1.0]),
        (final(State.REJECTED, code="photos_unusable"), [0.0]),
        (final(State.ERROR, code="internal_error"), [1.0]),
        (final(State.EXPIRED, code="expired"), [1.0]),
        (final(State.EXPIRED, code="deadline_exceeded"), []),
        (final(State.CANCELLED, code="cancelled"), []),
        (final(lane=Lane.BULK, total_ms=9e6), []),
    ],
)
def test_in_time_is_asked_of_what_somebody_waits_for(
    inspection: Inspection, expected: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    assert late(counted(capsys, inspection)) == expected


def test_what_was_held_is_not_measured_by_the_night(capsys: pytest.CaptureFixture[str]) -> None:
    assert late(counted(capsys, final(total_ms=8 * 3.6e6), was_held=True)) == []


def test_time_and_lateness_are_counted_by_lane(capsys: pytest.CaptureFixture[str]) -> None:
    _, timing = counted(capsys, final())
    (directive,) = timing["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["Lane"]]
    assert {each["Name"]: each["Unit"] for each in directive["Metrics"]} == {
        "InspectionsLate": "Count",
        "InspectionTime": "Milliseconds",
    }
    assert timing["InspectionTime"] == [2_000.0]
