"""What happened to an inspection: all of it as a list, or as server-sent events from where a client stopped reading.

A proxy integration sends a whole answer, so the stream is long polling in the stream's form: an answer ends with what
is new, and the client asks again with the last id that it saw.
https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import time
from collections.abc import Callable, Sequence
from datetime import UTC

from core.contract import InspectionEvent
from core.database import Database
from core.states import FINAL, State
from inspections.waiting import wait_until

EVENT_STREAM = "text/event-stream"
RETRY_MS = 200  # the next question waits for the next event, so there is no reason to ask late


class EventRecords:
    """Events of one of a client's own inspections. All raise Unavailable when the database is away."""

    def __init__(self, database: Database, client_id: str, inspection_id: str) -> None:
        self._database = database
        self._whose = (inspection_id, client_id)

    def all(self) -> list[InspectionEvent]:
        """Oldest first. An inspection's steps follow each other, so the number of an event never changes."""
        rows = self._database.all(
            "SELECT state, code, at FROM inspection_events WHERE inspection_id = %s AND client_id = %s"
            " ORDER BY sequence",
            self._whose,
        )
        return [
            InspectionEvent(
                id=number,
                state=State(row["state"]),
                final=State(row["state"]) in FINAL,
                code=row["code"],
                at=row["at"].replace(tzinfo=UTC),
            )
            for number, row in enumerate(rows, 1)
        ]


def wants_stream(accept: str) -> bool:
    """Whether an `Accept` header names server-sent events."""
    return any(media_range.partition(";")[0].strip().lower() == EVENT_STREAM for media_range in accept.split(","))


def wait_beyond(
    records: EventRecords,
    last_id: int,
    wait_s: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[InspectionEvent]:
    """All events, as soon as one follows `last_id` or none ever will, and at the latest after `wait_s` seconds."""
    found = records.all()

    def nothing_to_wait_for() -> bool:
        nonlocal found
        found = records.all()
        return len(found) > last_id or has_ended(found)

    if len(found) <= last_id and not has_ended(found):
        wait_until(nothing_to_wait_for, wait_s, clock=clock, sleep=sleep)
    return found


def has_ended(events: Sequence[InspectionEvent]) -> bool:
    """Whether nothing will follow."""
    return any(event.final for event in events)


def as_stream(events: Sequence[InspectionEvent]) -> str:
    """The answer's body; without events a comment, which keeps a client from taking it for a failure."""
    blocks = [f"retry: {RETRY_MS}", *(f"id: {event.id}\ndata: {event.model_dump_json()}" for event in events)]
    return "\n\n".join(blocks if events else [*blocks, ": nothing new"]) + "\n\n"
