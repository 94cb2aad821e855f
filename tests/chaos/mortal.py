"""What a process is to the chaos tests: it dies where its gate says, and another takes its place."""

import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from tests.fakes.crashing import Crash, Gate

if TYPE_CHECKING:
    from tests.chaos.world import World


class MortalProcess(threading.Thread, ABC):
    """Lives over and over until the world closes."""

    def __init__(self, world: "World", name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._world = world

    def run(self) -> None:
        while not self._world.closing.is_set():
            gate = self._world.kills.worker_gate()
            try:
                self._live(gate)
            except Crash:
                self._world.kills.note(gate)

    @abstractmethod
    def _live(self, gate: Gate) -> None:
        """One life: until the world closes, or Crash from whatever went through the gate."""
