"""Clients' webhook receivers, and the sender that tells them, as a process that can die like any other."""

import threading
from collections import Counter
from typing import TYPE_CHECKING

from core.errors import Unavailable
from notify.deliver import NotSent, deliver
from notify.deliveries import Deliveries
from tests.chaos.mortal import MortalProcess
from tests.fakes.crashing import Gate, GatedDatabase

if TYPE_CHECKING:
    from tests.chaos.world import World

NOTIFY_EVERY_S, NOTIFY_LEASE_S, PLENTY_S = 0.05, 1, 100.0


class Receivers:
    """A `Post`. Whoever is named in `down` answers nothing; `taken` counts the messages by (address, id)."""

    def __init__(self) -> None:
        self.down: frozenset[str] = frozenset()
        self.taken: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def __call__(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        if url in self.down:
            raise NotSent("The receiver could not be reached.")
        with self._lock:
            self.taken[url, headers["webhook-id"]] += 1
        return 204


def address(client_id: str) -> str:
    return f"https://receiver.example/{client_id}"


class Notifier(MortalProcess):
    """The notify function, again and again."""

    def __init__(self, world: "World") -> None:
        super().__init__(world, "notifier")

    def _live(self, gate: Gate) -> None:
        world = self._world
        database = GatedDatabase(world.settings, gate)
        deliveries = Deliveries(database, NOTIFY_LEASE_S)
        try:
            while not world.closing.wait(NOTIFY_EVERY_S):
                try:
                    deliver(deliveries, world.receivers, lambda: 0.0 if world.closing.is_set() else PLENTY_S)
                except Unavailable:
                    continue
        finally:
            database.close()
