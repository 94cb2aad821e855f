"""What the service hours touch, in one process: accepting, the workers with stubs for their work, the sweeper's round,
the real database with a moved clock, and queues that count receives and keep dead letters.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from core.accept import Accept, Acceptance
from core.contract import InspectionInput
from core.database import Row
from core.endings import Endings
from core.handover import Handover
from core.held_records import HELD_STATES, HeldRecords
from core.hours import ServiceHours
from core.inspection_records import InspectionRecords
from core.service import Service
from core.settings import DatabaseSettings, WorkerSettings
from core.states import State
from core.work_records import Claimed, WorkRecords
from core.worker import Advanced, Judged, Outcome, StageWorker, never_held
from scrutineer.local.queues import make_queues
from scrutineer.local.template_model import QueueSpec
from sweeper.expire import expire_overdue
from sweeper.release import release
from sweeper.stuck_records import StuckRecords
from sweeper.sweep import sweep
from tests.fakes.inspections import request_body
from tests.fakes.object_store import InMemoryStore
from tests.fakes.queues import both_lanes
from tests.fakes.requests import RESULT
from tests.fakes.service import FIRM, MovedClock, MovedDatabase
from tests.fakes.usage import GENEROUS

QUEUED = (State.ACCEPTED, State.PRECHECKED, State.INFERRED)
OUTCOMES: dict[State, Outcome] = {
    State.ACCEPTED: Advanced(State.PRECHECKED),
    State.PRECHECKED: Advanced(State.INFERRED),
    State.INFERRED: Judged(RESULT),
}
REDRIVE = '{"deadLetterTargetArn": "arn:dead", "maxReceiveCount": 3}'


class CountedQueue:
    """A `Queue` over the local stack's own; `delays` are those asked for, which are not waited out."""

    def __init__(self) -> None:
        specs = [
            QueueSpec("queue", "queue", "http://queue", "arn:queue", 30, {"RedrivePolicy": REDRIVE}),
            QueueSpec("dead", "dead", "http://dead", "arn:dead", 30, {}),
        ]
        queues = make_queues(specs)
        self._queue, self._dead = queues["queue"], queues["dead"]
        self.delays: list[int] = []
        self.most_receives = 0

    def send(self, inspection_id: str, *, group: str, delay_s: int = 0) -> None:
        self.delays.append(delay_s)
        self._queue.send(inspection_id, group=group)

    @property
    def waiting(self) -> int:
        return self._queue.depth().visible

    @property
    def dead_letters(self) -> int:
        return self._dead.depth().visible

    def deliver(self, run: Callable[[str], None]) -> bool:
        """One message to a worker; it is deleted when that returns. False where there is none."""
        for message in self._queue.receive(1, wait_s=0):
            receives = int(message.system_attributes["ApproximateReceiveCount"])
            self.most_receives = max(self.most_receives, receives)
            run(message.body)
            self._queue.delete(message.receipt)
            return True
        return False


class Shift:
    """`asked` holds what the model was asked about, in order, and when."""

    def __init__(
        self, settings: DatabaseSettings, at: datetime, *, holds: bool = True, hours: ServiceHours = FIRM
    ) -> None:
        self.clock = MovedClock(at)
        self.database = MovedDatabase(settings, self.clock)
        self.service = Service(self.database, hours)
        self.held = HeldRecords(self.database, self.service)
        self.queues = {state: CountedQueue() for state in QUEUED}
        self.handover = Handover(self.database, both_lanes(self.queues))
        self.asked: list[tuple[str, datetime]] = []
        self._accept = Accept(InspectionRecords(self.database), InMemoryStore(), self.handover, self.service)
        self._workers = {
            state: StageWorker(
                takes=state,
                work=self._work(state),
                records=WorkRecords(self.database),
                handover=self.handover,
                settings=WorkerSettings(lease_s=30, max_attempts=5, notify_queue_url=""),
                hold=self.held.hold if holds and state in HELD_STATES else never_held,
            )
            for state in QUEUED
        }

    def post(self, client_id: str = "client-a", *, deadline_ms: int | None = None, **changes: object) -> Acceptance:
        body = InspectionInput.model_validate(request_body(**changes))
        return self._accept(body, client_id, GENEROUS, None, deadline_ms=deadline_ms)

    def work(self, most: int = 100_000, stages: Sequence[State] = QUEUED) -> int:
        """Deliver messages of the queues in turn until none waits, or `most` and a few; how many there were."""
        delivered = 0
        while delivered < most:
            found = [self.queues[state].deliver(self._workers[state].run) for state in stages]
            if not any(found):
                break
            delivered += sum(found)
        return delivered

    def sweep(self, *, at_most: int = 60) -> int:
        """What the sweeper does every minute; how many it let go."""
        expire_overdue(Endings(self.database))
        sweep(StuckRecords(self.database), self.handover, after_s=30, max_attempts=5)
        return release(self.held, self.handover, at_most=at_most)

    def rows(self) -> list[Row]:
        return self.database.all("SELECT * FROM rvpxbverification_request_data ORDER BY sequence")

    def running(self, client_id: str = "client-a") -> int:
        row = self.database.one("SELECT running FROM client_usage WHERE client_id = %s", (client_id,))
        return int(row["running"]) if row else 0

    def _work(self, state: State) -> Callable[[Claimed], Outcome]:
        def work(claimed: Claimed) -> Outcome:
            if state is State.PRECHECKED:
                self.asked.append((claimed.inspection_id, self.clock.at))
            return OUTCOMES[state]

        return work
