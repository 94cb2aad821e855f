"""What outlives every process of a run: database, bucket, queues, endpoint, and the clients' history."""

import base64
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import cycle, product
from pathlib import Path

import pymysql

from core.database import Database
from core.settings import DatabaseSettings
from scrutineer.local.database import Database as Server
from tests.chaos.history import History
from tests.chaos.messages import Messages
from tests.chaos.processes import Sweeper, Worker
from tests.chaos.receivers import Notifier, Receivers, address
from tests.chaos.surroundings import FaultyEndpoint, FaultyStore
from tests.fakes.crashing import Gate, Mode
from tests.fakes.pipeline import Parts

PLENTY = 1_000_000
SIDE_EFFECTS = 16  # more than any stage has for one message
OFTEN = 60  # so often that never being hit is no accident
FREEZE_LEASES = 2.2  # time enough for the sweeper and another worker
CLIENTS = ("client-a", "client-b", "client-c")
TIGHT = "client-b"
SECRET = f"whsec_{base64.b64encode(bytes(32)).decode()}"


DEATHS: tuple[Mode, ...] = ("before", "after")
FREEZING: tuple[Mode, ...] = ("stall",)


class Kills:
    """Gives each new process its gate. What `workers` and `fronts` name, DEATHS or FREEZING (a pause longer than a
    lease), comes over them at one of their first side effects: at each in turn, in an order that the seed shuffles.
    """

    def __init__(self, seed: int, freeze_s: float) -> None:
        self.workers: tuple[Mode, ...] = ()
        self.fronts: tuple[Mode, ...] = ()
        self.points: Counter[str] = Counter()
        self.seen: Counter[str] = Counter()
        self.frozen = 0
        self._freeze_s = freeze_s
        self._turns = {modes: self._shuffled(modes, seed) for modes in (DEATHS, FREEZING)}
        self._lock = threading.Lock()

    def worker_gate(self) -> Gate:
        return self._gate(self.workers) if self.workers else Gate()

    def front_gate(self) -> Gate:
        return self._gate(self.fronts) if self.fronts else Gate()

    def note(self, gate: Gate) -> None:
        """A process was killed at this gate."""
        with self._lock:
            self.points[gate.killed_at] += 1
            self.seen.update(gate.passed)

    def missing(self) -> list[str]:
        """Side effects that dying processes had OFTEN, and before or after which none was killed."""
        often = [name for name, count in self.seen.items() if count >= OFTEN]
        return sorted({f"{mode} {name}" for name in often for mode in DEATHS} - self.points.keys())

    def _gate(self, modes: tuple[Mode, ...]) -> Gate:
        with self._lock:
            return Gate(*next(self._turns[modes]), self._freeze)

    def _shuffled(self, modes: tuple[Mode, ...], seed: int) -> Iterator[tuple[int, Mode]]:
        turns = list(product(range(1, SIDE_EFFECTS + 1), modes))
        random.Random(seed).shuffle(turns)
        return cycle(turns)

    def _freeze(self) -> None:
        """Longer than a lease: whoever wakes up is too late."""
        with self._lock:
            self.frozen += 1
        time.sleep(self._freeze_s)


@dataclass
class World:
    """`quota` is what the tight client may have accepted a day, `wanted` what all clients ask for together; processes
    take turns with `versions` and `skews_s`. What must be undone in the end goes to `cleanup`."""

    server: Server
    folder: Path
    seed: int
    quota: int = PLENTY
    wanted: int = 0
    workers: int = 6
    versions: tuple[Parts, ...] = (Parts(),)
    skews_s: tuple[float, ...] = (0.0,)
    lease_s: int = 1
    deliveries: int = 0
    swept: int = 0
    poison: int = 0
    faults_seen: int = 0
    others_waited: int = 0

    def __post_init__(self) -> None:
        self.messages = Messages(self.seed)
        self.store = FaultyStore(self.seed)
        self.endpoint = FaultyEndpoint(self.store, self.seed)
        self.receivers = Receivers()
        self.kills = Kills(self.seed, freeze_s=self.lease_s * FREEZE_LEASES)
        self.cleanup = ExitStack()
        self.history = History(self.folder / "history.jsonl")
        self.closing = threading.Event()
        self.asked = 0
        self._asked = threading.Condition()
        self._threads: list[threading.Thread] = []
        connection = self.server.application
        self.direct = DatabaseSettings(
            connection.host, connection.port, connection.name, connection.user, "password", False, connection.password
        )
        self.settings = self.direct
        self._make_clients()

    def through(self, port: int) -> None:
        """Processes that start from now on reach the database there."""
        self.settings = replace(self.direct, port=port)

    def start(self) -> None:
        """Sweeper and workers; they end with `stop`."""
        self._threads = [Sweeper(self), Notifier(self), *(Worker(self, number) for number in range(self.workers))]
        for thread in self._threads:
            thread.start()
        self.cleanup.callback(self.stop)

    def stop(self) -> None:
        self.closing.set()
        for thread in self._threads:
            thread.join(30)
        self.history.close()

    def asked_for(self) -> None:
        """A client has come to the next line of its list."""
        with self._asked:
            self.asked += 1
            self._asked.notify_all()

    def until_asked(self, share: float) -> None:
        """Returns when the clients have come to that share of their lists."""
        with self._asked:
            self._asked.wait_for(lambda: self.asked >= share * self.wanted, timeout=60)

    def root(self) -> "pymysql.Connection[pymysql.cursors.Cursor]":
        """The operator's connection, which no fault of ours locks out."""
        return pymysql.connect(host=self.direct.host, port=self.direct.port, user="root", autocommit=True)

    def unfinished(self) -> int:
        """Inspections that are not final, and webhooks that are neither delivered nor dead."""
        return self._count(
            "rvpxbverification_request_data WHERE state IN ('accepted', 'prechecked', 'inferred')"
        ) + self._count("webhook_deliveries WHERE state = 'waiting'")

    def due(self) -> int:
        """Webhooks that would be attempted now."""
        return self._count("webhook_deliveries WHERE state = 'waiting' AND next_at <= UTC_TIMESTAMP(6)")

    def _count(self, what: str) -> int:
        database = Database(self.direct)
        try:
            (row,) = database.all(f"SELECT COUNT(*) AS count FROM {what}")
        finally:
            database.close()
        return int(row["count"])

    def pass_time(self, hours: int) -> None:
        """For whatever is unfinished: leases run out, messages that nobody saw are lost, webhooks come due again."""
        database = Database(self.direct)
        database.execute(
            "UPDATE rvpxbverification_request_data SET lease_until = lease_until - INTERVAL %s HOUR,"
            " updated_at = updated_at - INTERVAL %s HOUR, queued_at = queued_at - INTERVAL %s HOUR"
            " WHERE state IN ('accepted', 'prechecked', 'inferred')",
            (hours, hours, hours),
        )
        database.execute(
            "UPDATE webhook_deliveries SET next_at = next_at - INTERVAL %s HOUR WHERE state = 'waiting'", (hours,)
        )
        database.close()

    def _make_clients(self) -> None:
        database = Database(self.direct)
        for plan, quota in (("roomy", PLENTY), ("tight", self.quota)):
            database.execute("DELETE FROM plans WHERE plan = %s", (plan,))
            database.execute(
                "INSERT INTO plans (plan, rate_per_s, burst, quota_day, quota_month, concurrent, tasks, max_photos,"
                " default_wait_s, max_wait_s, created_at, updated_at) SELECT %s, rate_per_s, burst, %s, %s, %s, tasks,"
                " max_photos, default_wait_s, max_wait_s, created_at, updated_at FROM plans WHERE plan = 'standard'",
                (plan, quota, PLENTY, PLENTY),
            )
        for client_id in CLIENTS:
            database.execute(
                "INSERT INTO clients (client_id, name, plan, created_at) VALUES (%s, %s, %s, UTC_TIMESTAMP(6))",
                (client_id, client_id, "tight" if client_id == TIGHT else "roomy"),
            )
            database.execute(
                "INSERT INTO webhook_endpoints (endpoint_id, client_id, url, events, secret, created_at, updated_at)"
                " VALUES (%s, %s, %s, '[\"*\"]', %s, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))",
                (f"endpoint-of-{client_id}", client_id, address(client_id), SECRET),
            )
        database.close()
