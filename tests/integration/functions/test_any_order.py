"""Whatever messages come, in whatever order and however often, and whatever dies: one end, reached once."""

import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.database import Database
from core.endings import Endings
from core.errors import Unavailable
from core.handover import Handover
from core.settings import WorkerSettings
from core.states import FINAL, STEPS, State
from core.work_records import Claimed, WorkRecords
from core.worker import Advanced, Ended, Judged, Outcome, StageWorker
from sweeper.expire import expire_overdue
from sweeper.stuck_records import StuckRecords
from sweeper.sweep import sweep
from tests.fakes.queues import InMemoryQueue, both_lanes
from tests.fakes.requests import RESULT, accepted

QUEUED = (State.ACCEPTED, State.PRECHECKED, State.INFERRED)
ENDS: dict[State, list[Callable[[], Outcome]]] = {
    State.ACCEPTED: [lambda: Advanced(State.PRECHECKED), lambda: Ended(State.REJECTED, "photos_unusable", "dark")],
    State.PRECHECKED: [lambda: Advanced(State.INFERRED), lambda: Ended(State.ERROR, "endpoint_refused", "no")],
    State.INFERRED: [lambda: Judged(RESULT), lambda: Judged(RESULT | {"outcome": "review"})],
}
MAX_ATTEMPTS = 3


class Killed(BaseException):
    """A worker dies inside its stage's work."""


@dataclass(frozen=True)
class Delivery:
    """A message to the stage that takes `stage`, and how the work goes there."""

    stage: State
    goes: str


happenings = st.one_of(
    st.builds(Delivery, st.sampled_from(QUEUED), st.sampled_from(["well", "otherwise", "unavailable", "dies"])),
    st.sampled_from(["leases run out", "sweep", "cancel", "time is over"]),
)


class Bench:
    """One inspection and its three workers."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.id = accepted(database)
        self.goes = "well"
        self.handover = Handover(database, both_lanes({state: InMemoryQueue() for state in QUEUED}))
        self.workers = {
            state: StageWorker(
                takes=state,
                work=self._work(state),
                records=WorkRecords(database),
                handover=self.handover,
                settings=WorkerSettings(lease_s=30, max_attempts=MAX_ATTEMPTS, notify_queue_url=""),
            )
            for state in QUEUED
        }

    def _work(self, state: State) -> Callable[[Claimed], Outcome]:
        def work(claimed: Claimed) -> Outcome:
            if self.goes == "dies":
                raise Killed
            if self.goes == "unavailable":
                raise Unavailable("away")
            return ENDS[state][self.goes == "otherwise"]()

        return work

    def happen(self, happening: Delivery | str) -> None:
        if isinstance(happening, Delivery):
            self.goes = happening.goes
            with suppress(Killed):
                self.workers[happening.stage].run(self.id)
        elif happening == "cancel":
            Endings(self.database).cancel("client-a", self.id)
        elif happening == "time is over":
            self.database.execute(
                "UPDATE rvpxbverification_request_data SET expires_at = UTC_TIMESTAMP(6) WHERE inspection_id = %s",
                (self.id,),
            )
        elif happening == "sweep":
            expire_overdue(Endings(self.database))
            sweep(StuckRecords(self.database), self.handover, after_s=0, max_attempts=MAX_ATTEMPTS)
        else:
            self.database.execute(
                "UPDATE rvpxbverification_request_data SET lease_until = lease_until - INTERVAL 1 HOUR"
            )

    def seen(self) -> tuple[State, list[dict[str, Any]]]:
        """The state, and every row of the two tables of ends."""
        row = self.database.one("SELECT state FROM rvpxbverification_request_data WHERE inspection_id = %s", (self.id,))
        assert row is not None
        ends = [
            end
            for table in ("rvpxbverification", "rvpxbverification_fail")
            for end in self.database.all(f"SELECT * FROM {table} WHERE inspection_id = %s", (self.id,))
        ]
        return State(row["state"]), ends


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(happenings, max_size=14))
def test_one_end_reached_once(database: Database, happened: list[Delivery | str]) -> None:
    bench = Bench(database)
    before = bench.seen()
    well: list[Delivery | str] = ["leases run out", *(Delivery(state, "well") for state in QUEUED)]
    for happening in happened + well:
        bench.happen(happening)
        now = bench.seen()
        assert now[0] is before[0] or now[0] in reachable(before[0])
        if before[0] in FINAL:
            assert now == before, "what has ended stays as it is"
        assert len(now[1]) == (now[0] in FINAL)
        before = now
    state, ends = before
    assert state in FINAL
    assert [end["outcome"] for end in ends] == [state.value]
    events = database.all("SELECT state FROM inspection_events WHERE inspection_id = %s ORDER BY sequence", (bench.id,))
    reached = [State(event["state"]) for event in events]
    assert reached[-1] is state
    assert all(end in STEPS[start] for start, end in itertools.pairwise(reached))
    running, used, counted = usage(database)
    assert (running, used) == (0, counted), "its place is free, and usage is what was accepted less what was refunded"


def reachable(state: State) -> set[State]:
    """Every state that one or more steps lead to: one delivery makes one step, a look later may see more."""
    steps = set(STEPS[state])
    return steps.union(*(reachable(each) for each in steps))


def usage(database: Database) -> tuple[int, int, int]:
    """(running, counted towards the day, accepted less refunded)"""
    row = database.one(
        "SELECT u.running, u.day_count, d.accepted - d.refunded AS counted FROM client_usage u"
        " JOIN client_usage_days d ON d.client_id = u.client_id WHERE u.client_id = 'client-a'"
    )
    assert row is not None
    return row["running"], row["day_count"], row["counted"]
