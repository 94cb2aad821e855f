"""Server-sent events as the standard has them."""

import pytest

from scrutineer.event_stream import EventStream, read_stream


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_events_ids_and_retry(end: str) -> None:
    lines = ["retry: 200", "", "id: 1", 'data: {"a": 1}', "", ": a comment", "id:2", 'data:{"a":', "data: 2}", "", ""]
    assert read_stream(end.join(lines)) == EventStream([{"a": 1}, {"a": 2}], "2", 0.2)


def test_an_event_that_was_cut_off_is_none() -> None:
    """Nor is it the last one: it must come again."""
    assert read_stream('id: 1\ndata: {"a": 1}\n\nid: 2\ndata: {"a"') == EventStream([{"a": 1}], "1", None)


@pytest.mark.parametrize("text", ["", ":\n\n", "retry: soon\n\n", "event: other\n\n", "nonsense\n\n"])
def test_nothing_in_it(text: str) -> None:
    assert read_stream(text) == EventStream([], None, None)


@pytest.mark.parametrize("data", ["[]", "7", "null", "no JSON"])
def test_data_that_is_no_object(data: str) -> None:
    with pytest.raises(ValueError, match=r"object|Expecting"):
        read_stream(f"data: {data}\n\n")
