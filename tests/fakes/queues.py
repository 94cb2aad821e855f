"""One stage's queue in a list."""

from collections.abc import Mapping

from core.errors import Unavailable
from core.lanes import Lane
from core.queues import Queue
from core.states import State


class InMemoryQueue:
    """A `Queue`. `sent` holds (inspection id, delay in seconds), oldest first, `groups` the messages' groups."""

    def __init__(self, *, away: bool = False) -> None:
        self.sent: list[tuple[str, int]] = []
        self.groups: list[str] = []
        self.returned: list[tuple[str, int]] = []
        self.away = away

    def send(self, inspection_id: str, *, group: str, delay_s: int = 0) -> None:
        if self.away:
            raise Unavailable("The queue can't be reached at the moment.")
        self.sent.append((inspection_id, delay_s))
        self.groups.append(group)

    def holds(self, queue_arn: str) -> bool:
        return True

    def return_message(self, receipt_handle: str, after_s: int) -> None:
        self.returned.append((receipt_handle, after_s))


def both_lanes(queues: Mapping[State, Queue]) -> Mapping[State, Mapping[Lane, Queue]]:
    """One queue a state for what a handover has two of."""
    return {state: dict.fromkeys(Lane, queue) for state, queue in queues.items()}
