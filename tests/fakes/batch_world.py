"""Batches from their manifest to their results in one process, over a world that outlives it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from batches.accept import AcceptBatch
from batches.contract import ManifestInput
from batches.records import BatchRecords
from core.accept import Accept
from core.database import Database, Row
from core.endings import Endings
from core.handover import Handover
from core.inspection_records import InspectionRecords
from core.service import Service
from core.settings import DatabaseSettings
from core.states import State
from core.usage import UsageRecords
from spread.batch_work import BatchWork
from spread.read import ReadLines
from spread.results import Results
from spread.spread import Spread
from sweeper.stuck_batches import StuckBatches
from tests.fakes.batches import GatedBatchObjects, GatedBatchQueue, InMemoryBatchObjects, InMemoryBatchQueue, inline
from tests.fakes.crashing import Gate, GatedDatabase, GatedQueue, GatedStore
from tests.fakes.object_store import InMemoryStore
from tests.fakes.queues import InMemoryQueue, both_lanes
from tests.fakes.service import ALWAYS
from tests.fakes.usage import GENEROUS

LEASE_S = 30


@dataclass(frozen=True)
class BatchParts:
    """What a planted bug may replace."""

    records: Callable[[Database], InspectionRecords] = InspectionRecords
    work: Callable[[Database, int], BatchWork] = BatchWork
    sweeps: bool = True


@dataclass
class BatchWorld:
    """What is left when a process dies. `ends_told` counts how often somebody was told that something had ended."""

    settings: DatabaseSettings
    parts: BatchParts = field(default_factory=BatchParts)
    store: InMemoryStore = field(default_factory=InMemoryStore)
    objects: InMemoryBatchObjects = field(default_factory=InMemoryBatchObjects)
    queue: InMemoryBatchQueue = field(default_factory=InMemoryBatchQueue)
    prechecks: InMemoryQueue = field(default_factory=InMemoryQueue)
    ends_told: int = 0

    def rows(self, statement: str) -> list[Row]:
        database = Database(self.settings)
        try:
            return database.all(statement)
        finally:
            database.close()

    def run(self, *statements: str) -> None:
        database = Database(self.settings)
        for statement in statements:
            database.execute(statement)
        database.close()

    def pass_time(self) -> None:
        """An hour goes by: leases run out, and whatever is due is due."""
        self.run(
            "UPDATE batches SET lease_until = lease_until - INTERVAL 1 HOUR, next_at = next_at - INTERVAL 1 HOUR",
        )

    def end_inspections(self) -> None:
        """All that are under way pass."""
        self.run(
            "UPDATE rvpxbverification_request_data SET state = 'passed', finished_at = UTC_TIMESTAMP(6)"
            " WHERE state = 'accepted'"
        )


class BatchProgram:
    """One process of each function that has to do with batches; what it does to the world goes through `gate`."""

    def __init__(
        self, world: BatchWorld, gate: Gate | None = None, more_time: Callable[[], bool] = lambda: True
    ) -> None:
        gate = gate or Gate()
        self._world = world
        self._more_time = more_time
        self.database = GatedDatabase(world.settings, gate)
        queue, objects = GatedBatchQueue(world.queue, gate), GatedBatchObjects(world.objects, gate)
        self.records = BatchRecords(self.database)
        self._accept = AcceptBatch(self.records, objects, queue, inline)
        inspections = world.parts.records(self.database)
        handover = Handover(self.database, both_lanes({State.ACCEPTED: GatedQueue(world.prechecks, gate)}))
        work = world.parts.work(self.database, LEASE_S)
        accept = Accept(inspections, GatedStore(world.store, gate), handover, Service(self.database, ALWAYS))
        self._spread = Spread(
            work=work,
            read=ReadLines(work, accept, UsageRecords(self.database), objects, noted_every=2),
            endings=Endings(self.database),
            results=Results(work, inspections, objects),
            objects=objects,
            queue=queue,
            on_ends=self._tell_of_ends,
        )
        self._stuck = StuckBatches(self.database, queue)

    def post(self, manifest: str, client_id: str = "client-a", key: str | None = "the-key") -> str:
        return self._accept(ManifestInput(manifest=manifest), client_id, GENEROUS, key).batch_id

    def deliver(self) -> int:
        """Every message that waits, once; one is deleted only when its worker has returned. How many there were."""
        waiting = list(self._world.queue.sent)
        for message in waiting:
            self._spread.run(message[0], self._more_time)
            if message in self._world.queue.sent:  # while this process was frozen, another may have had it
                self._world.queue.sent.remove(message)
        return len(waiting)

    def sweep(self) -> None:
        if self._world.parts.sweeps:
            self._stuck.send_again(30)

    def close(self) -> None:
        self.database.close()

    def _tell_of_ends(self) -> None:
        self._world.ends_told += 1
