"""Captures: SageMaker's format, an answer that comes back as it was, no pixels."""

import json
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from core.capture import capture, captured_answer

ASKED = {"task": "inspect", "photos": [{"id": "0", "key": "prepared/x", "sha256": "0" * 64}]}


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8"), min_size=1))
def test_round_trip(answered: str, served_by: str) -> None:
    kept = capture("insp_a", asked=ASKED, answered=answered.encode(), served_by=served_by)
    assert captured_answer(kept) == (answered.encode(), served_by)
    assert b"\n" not in kept


def test_format_is_that_of_data_capture() -> None:
    event = json.loads(capture("insp_a", asked=ASKED, answered=b'{"answers": []}', served_by="url:http://a=b"))
    assert set(event) == {"captureData", "eventMetadata", "eventVersion"}
    assert event["eventVersion"] == "0"
    assert event["eventMetadata"]["inferenceId"] == "insp_a"
    assert event["eventMetadata"]["customAttributes"] == ["served_by=url:http://a=b"]
    assert datetime.fromisoformat(event["eventMetadata"]["inferenceTime"]).utcoffset() is not None
    for side, mode in (("endpointInput", "INPUT"), ("endpointOutput", "OUTPUT")):
        captured = event["captureData"][side]
        assert captured["mode"] == mode
        assert captured["encoding"] == "JSON"
    assert json.loads(event["captureData"]["endpointInput"]["data"]) == ASKED
