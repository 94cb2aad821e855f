"""The stage: from the captured answer to the results table's columns."""

import json
from dataclasses import replace

import pytest

from core.capture import capture
from core.model_answer import InvalidAnswer
from core.states import VERDICTS, State
from core.storage import MissingObject, capture_key
from core.worker import Judged
from format.format import Format
from tests.fakes.endpoint import answer_to
from tests.fakes.inspections import CHECKLIST, claimed
from tests.fakes.object_store import InMemoryStore

ASKED = {"questions": [{"id": each.id, "answers": list(each.answers)} for each in CHECKLIST.questions]}


def test_verdict_with_all_that_is_kept() -> None:
    claim, store = claimed(), InMemoryStore()
    answered = answer_to(json.dumps(ASKED).encode(), instead={"damaged": "yes"})
    kept = capture(claim.inspection_id, asked=ASKED, answered=answered, served_by="sagemaker:blue")
    store.put(capture_key(claim.inspection_id), kept, "application/json")
    outcome = Format(store)(claim)
    assert isinstance(outcome, Judged)
    result = outcome.result
    assert result["outcome"] == "failed"
    assert State(result["outcome"]) in VERDICTS
    assert result["served_by"] == "sagemaker:blue"
    assert result["model"] == {"name": "fake", "version": "1", "digest": "sha256:0"}
    assert result["usage_counts"]["photos"] == 3
    assert result["timings_ms"] == {"prefill": 1.5}
    assert len(result["answers"]) == len(CHECKLIST.questions)
    json.dumps(result)


def test_photo_that_was_seen_before_is_looked_at_by_a_person() -> None:
    claim, store = claimed(), InMemoryStore()
    answered = answer_to(json.dumps(ASKED).encode())
    kept = capture(claim.inspection_id, asked=ASKED, answered=answered, served_by="x")
    store.put(capture_key(claim.inspection_id), kept, "application/json")
    seen = [{"index": 0, "inspection_id": "insp_earlier", "photo": 1}]
    outcomes = [Format(store)(each) for each in (claim, replace(claim, seen_before=seen))]
    assert [each.result["outcome"] for each in outcomes if isinstance(each, Judged)] == ["passed", "review"]


def test_answer_that_is_gone() -> None:
    with pytest.raises(MissingObject):
        Format(InMemoryStore())(claimed())


def test_captured_answer_is_not_trusted_either() -> None:
    claim, store = claimed(), InMemoryStore()
    kept = capture(claim.inspection_id, asked=ASKED, answered=b'{"answers": []}', served_by="x")
    store.put(capture_key(claim.inspection_id), kept, "application/json")
    with pytest.raises(InvalidAnswer):
        Format(store)(claim)
