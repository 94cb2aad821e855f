"""Server-sent events as they stand in an answer's body.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

import json
import re
from dataclasses import dataclass
from typing import Any

LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True)
class EventStream:
    """`events` are their data, read as JSON; `last_id` is the last one's id, and `retry_s` when to ask again, where the
    stream says."""

    events: list[dict[str, Any]]
    last_id: str | None
    retry_s: float | None


def read_stream(text: str) -> EventStream:
    """Raises ValueError for data that is not a JSON object."""
    events: list[dict[str, Any]] = []
    last_id, next_id, retry_s = None, None, None
    data: list[str] = []
    for line in LINE_END.split(text):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:  # an event that no empty line ends was cut off, and is not one
            last_id = next_id
            if data:
                events.append(_object("\n".join(data)))
            data = []
        elif name == "data":
            data.append(value)
        elif name == "id":
            next_id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            retry_s = int(value) / 1000
    return EventStream(events, last_id, retry_s)


def _object(data: str) -> dict[str, Any]:
    read = json.loads(data)
    if not isinstance(read, dict):
        raise ValueError("an event's data is not an object")
    return read
