"""Each rule over evidence made by hand: what is right passes, and every way to break it is named."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.checker import check
from tests.chaos.evidence import Evidence
from tests.chaos.history import History, read

TODAY = date(2026, 1, 2)


def told(inspection_id: str | None, state: str = "accepted", key: str = "k", **more: Any) -> dict[str, Any]:
    entry = {"kind": "told", "client": "a", "key": key, "asked_s": 1.0, "at_s": 1.1, "status": 202, "id": inspection_id}
    return entry | {"state": state, "fingerprint": state} | more


def saw(inspection_id: str, state: str, asked_s: float, fingerprint: str | None = None) -> dict[str, Any]:
    entry = told(inspection_id, state, asked_s=asked_s, at_s=asked_s + 0.1, fingerprint=fingerprint or state)
    return entry | {"kind": "saw", "asked_for": inspection_id, "status": 200}


def request(inspection_id: str, state: str, key: str) -> dict[str, Any]:
    return {
        "inspection_id": inspection_id,
        "client_id": "a",
        "idempotency_key": key,
        "state": state,
        "photos": 3,
        "day": TODAY,
        "before_the_model": 0,
    }


def steps(inspection_id: str, *states: str) -> list[dict[str, Any]]:
    return [{"inspection_id": inspection_id, "state": state} for state in states]


WELL = Evidence(
    history=[told("i1"), told("i2", key="l"), saw("i1", "passed", 5.0), saw("i1", "passed", 6.0)],
    requests=[request("i1", "passed", "k"), request("i2", "rejected", "l")],
    results=[{"inspection_id": "i1", "outcome": "passed"}],
    failures=[{"inspection_id": "i2", "outcome": "rejected"}],
    events=steps("i1", "accepted", "prechecked", "inferred", "passed") + steps("i2", "accepted", "rejected"),
    deliveries=[{"inspection_id": each, "endpoint_id": "e", "state": "delivered"} for each in ("i1", "i2")],
    endpoints=[{"endpoint_id": "e", "client_id": "a"}],
    usage=[{"client_id": "a", "day": TODAY, "day_count": 1, "running": 0}],
    usage_days=[{"client_id": "a", "day": TODAY, "accepted": 2, "refunded": 1}],
    limits={"a": 1},
    judged_on=[("i1", 3)],
)


def test_what_is_right_passes() -> None:
    assert check(WELL) == []
    assert check(Evidence()) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"history": [*WELL.history, told("i3", key="m")]}, "i3 was told to its client and is unknown"),
        ({"history": [*WELL.history, saw("i1", "passed", 7.0) | {"status": 404, "id": None}]}, "i1 was told to its"),
        ({"requests": [*WELL.requests, request("i3", "inferred", "m")]}, "i3 is still inferred"),
        ({"results": [*WELL.results, *WELL.results]}, "results ['passed', 'passed']"),
        ({"results": []}, "i1 is passed with the results []"),
        ({"results": [{"inspection_id": "i1", "outcome": "failed"}]}, "results ['failed']"),
        ({"failures": [*WELL.failures, {"inspection_id": "i1", "outcome": "error"}]}, "the failures ['error']"),
        ({"events": [*WELL.events, *steps("i1", "prechecked")]}, "i1 went accepted, prechecked, inferred, passed, pre"),
        ({"events": [*WELL.events, *steps("i1", "passed")]}, "noted are the ends ['passed', 'passed']"),
        ({"events": steps("i1", "accepted", "passed")}, "i2 is rejected; noted are the ends []"),
        ({"history": [*WELL.history, saw("i1", "passed", 7.0, "another")]}, "with another answer"),
        ({"history": [*WELL.history, saw("i1", "inferred", 7.0)]}, "i1 was passed and inferred after it"),
        ({"usage": [WELL.usage[0] | {"day_count": 2}]}, "a is charged for 2, not for 1"),
        ({"usage": [WELL.usage[0] | {"running": 1}]}, "a holds 1 places for 0 inspections"),
        ({"usage_days": [WELL.usage_days[0] | {"refunded": 0}]}, "a has 2 counted and 0 refunded"),
        ({"usage_days": []}, "a has 0 counted and 0 refunded"),
        ({"limits": {"a": 0}}, "a has 1 accepted of 0 a day"),
        ({"deliveries": WELL.deliveries[:1]}, "i2 is rejected; for e there are the deliveries []"),
        ({"deliveries": [each | {"state": "waiting"} for each in WELL.deliveries]}, "deliveries ['waiting']"),
        ({"history": [*WELL.history, told("i2")]}, "('a', 'k') led to ['i1', 'i2']"),
        ({"requests": [*WELL.requests, request("i3", "error", "k")]}, "('a', 'k') led to ['i1', 'i3']"),
        ({"judged_on": [("i1", 2)]}, "i1 was judged by 2 of 3 photos"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], expected: str) -> None:
    found = check(replace(WELL, **change))
    assert any(expected in each for each in found), found


def test_an_older_answer_that_comes_late_is_no_step_back() -> None:
    """Asked before the verdict was told, noted after it."""
    late = saw("i1", "inferred", 4.9) | {"at_s": 5.5}
    assert check(replace(WELL, history=[*WELL.history, late])) == []


def test_a_dead_delivery_is_visible_and_so_told() -> None:
    dead = [each | {"state": "dead"} for each in WELL.deliveries]
    assert check(replace(WELL, deliveries=dead)) == []


@pytest.mark.parametrize(("before_the_model", "expected"), [(1, 0), (0, 1)])
def test_what_is_cancelled_before_the_model_is_refunded(before_the_model: int, expected: int) -> None:
    cancelled = request("i1", "cancelled", "k") | {"before_the_model": before_the_model}
    evidence = Evidence(
        requests=[cancelled],
        failures=[{"inspection_id": "i1", "outcome": "cancelled"}],
        events=steps("i1", "accepted", "cancelled"),
        usage_days=[{"client_id": "a", "day": TODAY, "accepted": 1, "refunded": 1 - expected}],
        usage=[{"client_id": "a", "day": TODAY, "day_count": expected, "running": 0}],
    )
    assert check(evidence) == []
    assert check(replace(evidence, usage=[evidence.usage[0] | {"day_count": 1 - expected}]))


def test_a_history_is_read_as_it_was_written(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    history.note("asked", client="a", key="k")
    history.note("told", client="a", key="k", status=503, id=None)
    history.close()
    first, second = read(tmp_path / "history.jsonl")
    assert (first["kind"], second["kind"], second["id"]) == ("asked", "told", None)
    assert second["at_s"] >= first["at_s"]
