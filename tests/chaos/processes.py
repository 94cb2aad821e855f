"""The functions as processes that can die: the front that clients ask, the workers, the sweeper."""

import hashlib
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.accept import Accept
from core.circuit_breaker import CircuitBreaker
from core.contract import Inspection, InspectionInput
from core.endings import Endings
from core.endpoint import GuardedEndpoint
from core.errors import NotFound, ScrutineerError, Unavailable
from core.handover import Handover
from core.lanes import Lane
from core.presentation import present, present_accepted
from core.queues import SqsQueue
from core.service import Service
from core.settings import WorkerSettings
from core.stage_handler import handle_batch
from core.states import State
from core.usage import UsageRecords
from scrutineer.local.pollers import sqs_event
from scrutineer.local.queues import Received
from sweeper.stuck_records import StuckRecords
from tests.chaos.clocks import hurried_clock, skewed_by
from tests.chaos.messages import QUEUED
from tests.chaos.mortal import MortalProcess
from tests.fakes.api_gateway import FakeContext
from tests.fakes.crashing import Crash, Gate, GatedDatabase, GatedEndpoint, GatedQueue, GatedStore
from tests.fakes.pipeline import Parts, stage_workers
from tests.fakes.service import ALWAYS

if TYPE_CHECKING:
    from tests.chaos.world import World

MAX_ATTEMPTS, SWEEP_AFTER_S, SWEEP_EVERY_S = 5, 1, 0.25
IDLE_S = 0.004


@dataclass(frozen=True)
class Answer:
    """What a client hears; status 0 is a connection that broke off."""

    status: int
    inspection: Inspection | None = None

    def noted(self) -> dict[str, Any]:
        """As the history keeps it."""
        if self.inspection is None:
            return {"status": self.status, "id": None}
        fingerprint = hashlib.sha256(self.inspection.model_dump_json().encode()).hexdigest()[:16]
        return {
            "status": self.status,
            "id": self.inspection.id,
            "state": self.inspection.state.value,
            "fingerprint": fingerprint,
        }


class Front:
    """`/v1/inspections` behind the gateway, with a connection of its own."""

    def __init__(self, world: "World", parts: Parts, gate: Gate) -> None:
        self._database = GatedDatabase(world.settings, gate)
        self._usage = UsageRecords(self._database)
        self._endings = Endings(self._database)
        self._records = parts.inspection_records(self._database)
        handover = Handover(self._database, gated_queues(world, gate))
        self._accept = Accept(self._records, GatedStore(world.store, gate), handover, Service(self._database, ALWAYS))

    def post(self, body: InspectionInput, client_id: str, key: str) -> Answer:
        try:
            acceptance = self._accept(body, client_id, self._usage.allowance(client_id), key)
        except ScrutineerError as error:
            return Answer(error.status)
        try:
            inspection = self._own(client_id, acceptance.inspection_id)
        except (Unavailable, NotFound):
            if acceptance.stored is None:
                return Answer(503)
            inspection = present_accepted(acceptance.stored)
        return Answer(200 if inspection.final else 202, inspection)

    def get(self, client_id: str, inspection_id: str) -> Answer:
        try:
            return Answer(200, self._own(client_id, inspection_id))
        except ScrutineerError as error:
            return Answer(error.status)

    def cancel(self, client_id: str, inspection_id: str) -> Answer:
        try:
            self._endings.cancel(client_id, inspection_id)
        except ScrutineerError as error:
            return Answer(error.status)
        return self.get(client_id, inspection_id)

    def close(self) -> None:
        self._database.close()

    def _own(self, client_id: str, inspection_id: str) -> Inspection:
        row = self._records.find(client_id, inspection_id)
        if row is None:
            raise NotFound("There is no such inspection.")
        return present(row)


class FrontProcess:
    """A front that is started anew when it is killed; whoever waited for its answer hears nothing."""

    def __init__(self, world: "World", parts: Parts) -> None:
        self._world = world
        self._parts = parts
        self._front: Front | None = None
        self._gate = Gate()

    def post(self, body: InspectionInput, client_id: str, key: str) -> Answer:
        return self._ask(lambda front: front.post(body, client_id, key))

    def get(self, client_id: str, inspection_id: str) -> Answer:
        return self._ask(lambda front: front.get(client_id, inspection_id))

    def cancel(self, client_id: str, inspection_id: str) -> Answer:
        return self._ask(lambda front: front.cancel(client_id, inspection_id))

    def close(self) -> None:
        if self._front is not None:
            self._front.close()
        self._front = None

    def _ask(self, ask: Callable[[Front], Answer]) -> Answer:
        try:
            return ask(self._running())
        except Crash:
            self._world.kills.note(self._gate)
            self.close()
            return Answer(0)

    def _running(self) -> Front:
        if self._front is None:
            self._gate = self._world.kills.front_gate()
            self._front = Front(self._world, self._parts, self._gate)
        return self._front


class Worker(MortalProcess):
    """One process of all stages. Killed, it is started anew and its message comes back when nobody has seen it to its
    end."""

    def __init__(self, world: "World", number: int) -> None:
        super().__init__(world, f"worker-{number}")
        self._random = random.Random(world.seed * 1000 + number)
        self._skew_s = world.skews_s[number % len(world.skews_s)]
        self._parts = world.versions[number % len(world.versions)]

    def _live(self, gate: Gate) -> None:
        world = self._world
        database = GatedDatabase(world.settings, gate)
        store = GatedStore(world.store, gate)
        workers = stage_workers(
            self._parts,
            database=database,
            store=store,
            endpoint=GatedEndpoint(GuardedEndpoint(world.endpoint, CircuitBreaker(hurried_clock)), gate),
            handover=Handover(database, gated_queues(world, gate)),
            settings=WorkerSettings(lease_s=world.lease_s, max_attempts=MAX_ATTEMPTS, notify_queue_url=""),
            clock=hurried_clock,
        )
        sources = [(state, lane) for state in QUEUED for lane in Lane]
        try:
            while not world.closing.is_set():
                self._random.shuffle(sources)
                for state, lane in sources:
                    received = world.messages.receive(state, lane)
                    if received is not None:
                        self._handle(workers[state].run, state, lane, received)
                        break
                else:
                    world.closing.wait(IDLE_S)
        finally:
            database.close()

    def _handle(self, run: Any, state: State, lane: Lane, received: Received) -> None:
        """As Lambda does: what the handler does not report as failed is deleted."""
        world, queue = self._world, self._world.messages.queue(state, lane)
        if self._parts.acknowledges_first:
            queue.delete(received.receipt)
        event = sqs_event([received], queue.spec.arn)
        with skewed_by(self._skew_s):
            answer = handle_batch(event, FakeContext(), run=run, queues=[SqsQueue(world.messages, queue.spec.url)])
        world.deliveries += 1
        if not answer["batchItemFailures"]:
            queue.delete(received.receipt)


class Sweeper(threading.Thread):
    """The scheduled function, every `SWEEP_EVERY_S`."""

    def __init__(self, world: "World") -> None:
        super().__init__(name="sweeper", daemon=True)
        self._world = world

    def run(self) -> None:
        database = GatedDatabase(self._world.settings, Gate())
        handover = Handover(database, self._world.messages.adapters())
        while not self._world.closing.wait(SWEEP_EVERY_S):
            try:
                swept = self._world.versions[0].sweep(
                    StuckRecords(database), handover, after_s=SWEEP_AFTER_S, max_attempts=MAX_ATTEMPTS
                )
            except Unavailable:
                continue
            self._world.swept += swept.sent
        database.close()


def gated_queues(world: "World", gate: Gate) -> dict[State, dict[Lane, GatedQueue]]:
    adapters = world.messages.adapters()
    return {
        state: {lane: GatedQueue(queue, gate) for lane, queue in lanes.items()} for state, lanes in adapters.items()
    }
