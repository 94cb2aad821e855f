"""All four stages and the sweeper in one process, over a world that outlives it: database, bucket, queues, endpoint."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.accept import Accept
from core.contract import InspectionInput
from core.database import Database, Row
from core.endpoint import Endpoint
from core.handover import Handover
from core.held_records import HELD_STATES, HeldRecords
from core.hours import ServiceHours
from core.inspection_records import InspectionRecords
from core.service import Service
from core.settings import DatabaseSettings, WorkerSettings
from core.states import FINAL, State
from core.storage import ObjectStore, capture_key
from core.work_records import Claimed, WorkRecords
from core.worker import Hold, Outcome, StageWorker, UnknownInspection, never_held
from format.format import Format
from invoke.invoke import Invoke
from precheck.precheck import Precheck
from precheck.seen_photos import SeenPhotos
from sweeper.release import release
from sweeper.stuck_records import StuckRecords
from sweeper.sweep import Swept, sweep
from tests.fakes.crashing import Gate, GatedDatabase, GatedEndpoint, GatedQueue, GatedStore
from tests.fakes.endpoint import FakeEndpoint, answer_to
from tests.fakes.inspections import request_body
from tests.fakes.object_store import InMemoryStore
from tests.fakes.queues import InMemoryQueue, both_lanes
from tests.fakes.service import ALWAYS
from tests.fakes.usage import GENEROUS

QUEUED = (State.ACCEPTED, State.PRECHECKED, State.INFERRED)
MAX_ATTEMPTS = 5
BODY = InspectionInput.model_validate(request_body())


@dataclass(frozen=True)
class Parts:
    """What a planted bug may replace."""

    inspection_records: Callable[[Database], InspectionRecords] = InspectionRecords
    work_records: Callable[[Database], WorkRecords] = WorkRecords
    invoke: Callable[[Any, Any], Invoke] = Invoke
    sweep: Callable[..., Swept] = sweep
    acknowledges_first: bool = False


@dataclass
class World:
    """What is left when a process dies. `told` are the ids that the client was told, `repeated_calls` the calls of the
    endpoint for an inspection whose answer was already in the bucket."""

    settings: DatabaseSettings
    parts: Parts = field(default_factory=Parts)
    hours: ServiceHours = ALWAYS
    store: InMemoryStore = field(default_factory=InMemoryStore)
    queues: Mapping[State, InMemoryQueue] = field(default_factory=lambda: {state: InMemoryQueue() for state in QUEUED})
    told: list[str] = field(default_factory=list)
    repeated_calls: list[str] = field(default_factory=list)
    dead_letters: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.endpoint = FakeEndpoint()
        self.endpoint.answer = self._answer

    def _answer(self, body: bytes) -> bytes:
        inspection_id = self.endpoint.asked[-1][0]
        if capture_key(inspection_id) in self.store.objects:
            self.repeated_calls.append(inspection_id)
        return answer_to(body)

    def rows(self, statement: str) -> list[Row]:
        database = Database(self.settings)
        try:
            return database.all(statement)
        finally:
            database.close()

    def pass_time(self) -> None:
        """An hour goes by: leases run out, messages that were not seen are lost."""
        database = Database(self.settings)
        database.execute(
            "UPDATE rvpxbverification_request_data SET lease_until = lease_until - INTERVAL 1 HOUR,"
            " updated_at = updated_at - INTERVAL 1 HOUR, queued_at = queued_at - INTERVAL 1 HOUR"
        )
        database.close()


class Program:
    """One process of every function; all that it does to the world goes through `gate`."""

    def __init__(self, world: World, gate: Gate) -> None:
        self._world = world
        self._database = GatedDatabase(world.settings, gate)
        store = GatedStore(world.store, gate)
        service = Service(self._database, world.hours)
        self._held = HeldRecords(self._database, service)
        self._handover = Handover(
            self._database, both_lanes({state: GatedQueue(queue, gate) for state, queue in world.queues.items()})
        )
        self._records = world.parts.inspection_records(self._database)
        self._accept = Accept(self._records, store, self._handover, service)
        self._workers = stage_workers(
            world.parts,
            database=self._database,
            store=store,
            endpoint=GatedEndpoint(world.endpoint, gate),
            handover=self._handover,
            settings=WorkerSettings(lease_s=30, max_attempts=MAX_ATTEMPTS, notify_queue_url=""),
            hold=self._held.hold,
        )

    def post(self) -> None:
        """The client's request, always the same and with the same idempotency key."""
        self._world.told.append(self._accept(BODY, "client-a", GENEROUS, "the-key").inspection_id)
        if isinstance(self._records, AnswersFirst):
            self._records.store_late()

    def drain(self) -> None:
        """Deliver every message; one is deleted only when its worker has returned."""
        while waiting := [state for state in QUEUED if self._world.queues[state].sent]:
            sent = self._world.queues[waiting[0]].sent
            message = sent[0]
            try:
                self._workers[waiting[0]].run(message[0])
            except UnknownInspection:
                self._world.dead_letters.append(message[0])
            if message in sent:  # while this process was frozen, another may have had it
                sent.remove(message)

    def sweep(self) -> None:
        self._world.parts.sweep(StuckRecords(self._database), self._handover, after_s=30, max_attempts=MAX_ATTEMPTS)
        release(self._held, self._handover, at_most=100)

    def close(self) -> None:
        self._database.close()


def stage_workers(
    parts: Parts,
    *,
    database: Database,
    store: ObjectStore,
    endpoint: Endpoint,
    handover: Handover,
    settings: WorkerSettings,
    hold: Hold = never_held,
    clock: Callable[[], float] = time.monotonic,
) -> dict[State, StageWorker]:
    """The worker of each queued stage, all over the same connection."""
    work: dict[State, Callable[[Claimed], Outcome]] = {
        State.ACCEPTED: Precheck(store, SeenPhotos(database)),
        State.PRECHECKED: parts.invoke(store, endpoint),
        State.INFERRED: Format(store),
    }
    return {
        state: StageWorker(
            takes=state,
            work=work[state],
            records=parts.work_records(database),
            handover=handover,
            settings=settings,
            hold=hold if state in HELD_STATES else never_held,
            clock=clock,
        )
        for state in QUEUED
    }


class AnswersFirst(InspectionRecords):
    """A planted bug: the client hears of the inspection before its row is committed."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._late: list[Any] = []

    def add(self, request: Any) -> str | None:
        self._late.append(request)
        return None

    def store_late(self) -> None:
        while self._late:
            super().add(self._late.pop())


def violations(world: World) -> list[str]:
    """What does not hold of an inspection that nothing but crashes came in the way of, once all has healed."""
    found = []
    requests = world.rows("SELECT inspection_id, state FROM rvpxbverification_request_data")
    results = world.rows("SELECT inspection_id, outcome FROM rvpxbverification")
    failures = world.rows("SELECT inspection_id FROM rvpxbverification_fail")
    states = {row["inspection_id"]: State(row["state"]) for row in requests}
    if len(set(world.told)) != 1 or len(states) != 1:
        found.append(f"one idempotency key, {len(set(world.told))} ids told and {len(states)} stored")
    found += [f"{each} was told to the client and is unknown" for each in set(world.told) - set(states)]
    found += [f"{each} is {state}" for each, state in states.items() if state not in FINAL]
    found += [f"{each} ended as {state}" for each, state in states.items() if state in FINAL - {State.PASSED}]
    for each, state in states.items():
        outcomes = [row["outcome"] for row in results if row["inspection_id"] == each]
        if outcomes != [state.value] or any(row["inspection_id"] == each for row in failures):
            found.append(f"{each} is {state} with the results {outcomes} and {len(failures)} failures")
    return found
