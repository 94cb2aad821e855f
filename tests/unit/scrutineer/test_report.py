"""What a person reads: every question, every photo, the reason, the time."""

import io
from typing import Any

import pytest
from rich.console import Console

from scrutineer.report import show

PHOTO: dict[str, Any] = {
    "index": 0,
    "name": "front.jpg",
    "width": 1600,
    "height": 1200,
    "quality": {
        "score": 0.61,
        "verdict": "usable",
        "hint": None,
        "checks": [{"name": "sharpness", "value": 141.2, "threshold": 8, "passed": True}],
    },
}
ANSWER = {
    "text": "Is the item damaged?",
    "answer": "yes",
    "probability": 0.934,
    "expected": "no",
    "outcome": "not_met",
}
INSPECTION: dict[str, Any] = {
    "id": "insp_1",
    "state": "failed",
    "item": {"description": "red shoe"},
    "checklist": {"name": "reverse-pickup"},
    "photos": [PHOTO],
    "verdict": {
        "answers": [ANSWER],
        "reasons": ['Is the item damaged? "yes" (93%), expected "no".'],
        "model": {"name": "demo", "version": "1", "digest": "abc"},
        "served_by": "url:x",
    },
    "failure": None,
    "reused_from": None,
    "held_until": None,
    "timings_ms": {"precheck": 30.0, "invoke": 60.0, "format": 5.0, "total": 95.0, "endpoint_vision": 12.0},
}
REUSED: dict[str, Any] = INSPECTION | {"reused_from": "insp_0", "timings_ms": {"total": 8.0}}
REJECTED: dict[str, Any] = INSPECTION | {
    "state": "rejected",
    "verdict": None,
    "failure": {"code": "photos_unusable", "detail": "Photo 1: The photo is blurred."},
    "timings_ms": {"precheck": 30.0, "total": 30.0},
}
WAITING: dict[str, Any] = INSPECTION | {
    "state": "accepted",
    "verdict": None,
    "photos": [PHOTO | {"quality": None}],
    "timings_ms": {},
}


@pytest.mark.parametrize(
    ("inspection", "words"),
    [
        (INSPECTION, ["FAILED", "Is the item damaged?", "93.4%", "front.jpg", "141", "= 95 ms", "vision 12", "demo 1"]),
        (REUSED, ["FAILED", "Time: 8 ms", "The verdict of insp_0, reused."]),
        (REJECTED, ["REJECTED", "Photo 1: The photo is blurred.", "precheck 30 ms"]),
        (WAITING, ["ACCEPTED", "front.jpg"]),
    ],
)
def test_says_all_of_it(inspection: dict[str, Any], words: list[str]) -> None:
    console = Console(file=io.StringIO(), width=100)
    show(console, inspection)
    text = " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]
    assert [word for word in words if word not in text] == []
