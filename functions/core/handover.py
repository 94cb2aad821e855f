"""From one stage to the next: the message is sent after the commit, and noted, so that a missing one is found.

A crash between commit and send leaves `queued_at` empty; the sweeper, or a redelivered message of the stage before,
sends it then. A crash between send and note sends it twice, which does no harm.
"""

from collections.abc import Mapping

from core.database import Database
from core.lanes import Lane
from core.queues import Queue
from core.states import State


class Handover:
    """Knows which queue's stage takes an inspection in which state, by its lane."""

    def __init__(self, database: Database, queues: Mapping[State, Mapping[Lane, Queue]]) -> None:
        self._database = database
        self._queues = queues

    def leads_on(self, state: State) -> bool:
        """Whether this handover can tell a stage about inspections in `state`."""
        return state in self._queues

    def tell(self, inspection_id: str, state: State, *, client_id: str, lane: Lane, delay_s: int = 0) -> None:
        """Send the inspection to the stage that takes `state` and note it. Raises Unavailable.

        The client is the message's group: those of a client that has many waiting do not hold up another's.
        """
        self._queues[state][lane].send(inspection_id, group=client_id, delay_s=delay_s)
        self._database.execute(
            "UPDATE rvpxbverification_request_data SET queued_at = UTC_TIMESTAMP(6)"
            " WHERE inspection_id = %s AND state = %s",
            (inspection_id, state.value),
        )
