"""Every side effect through one gate, which stops the process right before, right after, or for a while at the n-th."""

import threading
from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

from core.database import Database, Row, Transaction, Values
from core.endpoint import Answered, Endpoint
from core.queues import Queue
from core.settings import DatabaseSettings
from core.storage import ObjectStore

T = TypeVar("T")
Mode = Literal["before", "after", "stall"]


class Crash(BaseException):
    """The process is killed here. No `except Exception` may outlive it."""


class Gate:
    """Counts side effects. At number `at` (from 1) it kills the process before or after the effect, or calls
    `meanwhile` before it: what happens in the world while the process is frozen. Once killed, nothing gets through.
    """

    def __init__(self, at: int = 0, mode: Mode = "before", meanwhile: Callable[[], None] = lambda: None) -> None:
        self._at = at
        self._mode = mode
        self._meanwhile = meanwhile
        self._lock = threading.Lock()
        self._dead = False
        self.passed: list[str] = []
        self.killed_at = ""

    @property
    def reached(self) -> bool:
        """Whether there was an n-th side effect at all."""
        return 0 < self._at <= len(self.passed)

    def step(self, name: str, effect: Callable[[], T], *, stalls: bool = True) -> T:
        with self._lock:
            self._check()
            self.passed.append(name)
            here = len(self.passed) == self._at
            if here and self._mode == "before":
                self._kill()
        if here and self._mode == "stall" and stalls:
            self._meanwhile()
        result = effect()
        with self._lock:
            self._check()
            if here and self._mode == "after":
                self._kill()
        return result

    def _check(self) -> None:
        if self._dead:
            raise Crash

    def _kill(self) -> None:
        self._dead = True
        self.killed_at = f"{self._mode} {self.passed[self._at - 1]}"
        raise Crash


def _named(statement: str) -> str:
    """As much of it as tells the steps over one table apart."""
    return statement[:64]


class GatedStore:
    """An `ObjectStore`."""

    def __init__(self, store: ObjectStore, gate: Gate) -> None:
        self._store = store
        self._gate = gate

    def put(self, key: str, data: bytes, media_type: str) -> None:
        self._gate.step(f"put {key.split('/')[0]}", lambda: self._store.put(key, data, media_type))

    def put_once(self, key: str, data: bytes, media_type: str) -> None:
        self._gate.step(f"put {key.split('/')[0]}", lambda: self._store.put_once(key, data, media_type))

    def get(self, key: str) -> bytes:
        return self._store.get(key)

    def find(self, key: str) -> bytes | None:
        return self._store.find(key)

    def delete(self, keys: Sequence[str]) -> None:
        self._gate.step("delete", lambda: self._store.delete(keys))


class GatedQueue:
    """A `Queue`."""

    def __init__(self, queue: Queue, gate: Gate) -> None:
        self._queue = queue
        self._gate = gate

    def send(self, inspection_id: str, *, group: str, delay_s: int = 0) -> None:
        self._gate.step("send", lambda: self._queue.send(inspection_id, group=group, delay_s=delay_s))


class GatedEndpoint:
    """An `Endpoint`."""

    def __init__(self, endpoint: Endpoint, gate: Gate) -> None:
        self._endpoint = endpoint
        self._gate = gate

    def invoke(self, body: bytes, inference_id: str, timeout_s: float | None = None) -> Answered:
        return self._gate.step("endpoint", lambda: self._endpoint.invoke(body, inference_id, timeout_s))


class GatedDatabase(Database):
    """The real database; each statement that changes something, and each commit, is a side effect."""

    def __init__(self, settings: DatabaseSettings, gate: Gate) -> None:
        super().__init__(settings)
        self._gate = gate

    def execute(self, statement: str, values: Values = None) -> int:
        return self._gate.step(_named(statement), lambda: super(GatedDatabase, self).execute(statement, values))

    def transaction(self, work: Callable[[Transaction], T]) -> T:
        def gated(transaction: Transaction) -> T:
            return work(_GatedTransaction(transaction, self._gate))

        return self._gate.step("transaction", lambda: super(GatedDatabase, self).transaction(gated))


class _GatedTransaction:
    def __init__(self, transaction: Transaction, gate: Gate) -> None:
        self._transaction = transaction
        self._gate = gate

    def execute(self, statement: str, values: Values = None) -> int:
        # A process frozen here holds its row locks, so others only find the database busy until it goes on.
        return self._gate.step(_named(statement), lambda: self._transaction.execute(statement, values), stalls=False)

    def one(self, statement: str, values: Values = None) -> Row | None:
        return self._transaction.one(statement, values)

    def all(self, statement: str, values: Values = None) -> list[Row]:
        return self._transaction.all(statement, values)
