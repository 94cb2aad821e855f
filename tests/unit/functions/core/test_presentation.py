"""A row as its client sees it, at every point of its life."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from core.presentation import present
from core.states import FINAL, State
from tests.fakes.inspections import photo_entry

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678901)
ACCEPTED: dict[str, Any] = {
    "sequence": 7,
    "inspection_id": "insp_x",
    "state": "accepted",
    "lane": "interactive",
    "checklist": "reverse-pickup",
    "checklist_version": 1,
    "item": json.dumps({"description": "red shoe"}),
    "reference": None,
    "photos": json.dumps([photo_entry(0)]),
    "accepted_at": MOMENT,
    "expires_at": MOMENT,
    "held_until": None,
    "reused_from": None,
    **dict.fromkeys(("finished_at", "photos_deleted_at", "prechecked_ms", "inferred_ms", "finished_ms")),
    **dict.fromkeys(
        (
            "outcome",
            "answers",
            "reasons",
            "model",
            "served_by",
            "usage_counts",
            "timings_ms",
            "failure_code",
            "failure_detail",
        )
    ),
}
PASSED = ACCEPTED | {
    "state": "passed",
    "finished_at": MOMENT,
    "prechecked_ms": Decimal("100.0000"),
    "inferred_ms": Decimal("900.5000"),
    "finished_ms": Decimal("950.7500"),
    "outcome": "passed",
    "answers": "[]",
    "reasons": "[]",
    "model": json.dumps({"name": "m", "version": "1", "digest": "d"}),
    "served_by": "url:x",
    "usage_counts": json.dumps({"photos": 1}),
    "timings_ms": json.dumps({"prefill": 3.5}),
}


def test_accepted() -> None:
    inspection = present(ACCEPTED)
    assert (inspection.id, inspection.state, inspection.final) == ("insp_x", State.ACCEPTED, False)
    assert (inspection.verdict, inspection.failure, inspection.finished_at, inspection.timings_ms) == (
        None,
        None,
        None,
        {},
    )


def test_a_reused_verdict_took_no_stage() -> None:
    row = PASSED | {"reused_from": "insp_y", "prechecked_ms": None, "inferred_ms": None, "timings_ms": "{}"}
    inspection = present(row)
    assert (inspection.reused_from, inspection.timings_ms) == ("insp_y", {"total": 950.8})


def test_moments_are_utc() -> None:
    assert present(ACCEPTED).accepted_at == MOMENT.replace(tzinfo=UTC)
    assert "2026-01-02T03:04:05.678901Z" in present(ACCEPTED).model_dump_json()


def test_verdict_and_timings() -> None:
    inspection = present(PASSED)
    assert inspection.final
    assert inspection.verdict is not None
    assert (inspection.verdict.outcome, inspection.verdict.served_by) == ("passed", "url:x")
    assert inspection.timings_ms == {
        "precheck": 100.0,
        "invoke": 800.5,
        "format": 50.2,
        "total": 950.8,
        "endpoint_prefill": 3.5,
    }


@pytest.mark.parametrize(
    ("marks", "timings"),
    [
        ({"finished_ms": 30}, {"precheck": 30.0, "total": 30.0}),
        ({"prechecked_ms": 10, "finished_ms": 30}, {"precheck": 10.0, "invoke": 20.0, "total": 30.0}),
    ],
)
def test_early_end_is_counted_to_the_stage_it_ended_in(marks: dict[str, int], timings: dict[str, float]) -> None:
    row = ACCEPTED | {"state": "error", "finished_at": MOMENT, "failure_code": "x", "failure_detail": "y"} | marks
    inspection = present(row)
    assert inspection.timings_ms == timings
    assert inspection.failure is not None
    assert inspection.failure.code == "x"


@pytest.mark.parametrize("state", State)
def test_final_is_told_for_every_state(state: State) -> None:
    assert present(ACCEPTED | {"state": state.value}).final == (state in FINAL)


def test_what_is_ours_alone_is_not_shown() -> None:
    shown = present(PASSED).model_dump_json()
    for name in ("sequence", "client_id", "request_hash", "idempotency_key", "lease", "attempts", "queued"):
        assert name not in shown
