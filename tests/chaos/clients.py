"""Clients as they are: impatient, forgetful, and never sure whether they were heard."""

import base64
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from core.contract import InspectionInput
from tests.chaos.processes import Answer, FrontProcess
from tests.chaos.world import CLIENTS as CLIENTS
from tests.chaos.world import World
from tests.fakes.photos import encode, scene

WIDTH, HEIGHT = 640, 480
PATIENCE, PAUSE_S = 600, 0.05
TWICE_AT_ONCE, AGAIN_LATER, LOOKS, CANCELS, UNUSABLE, BULK = 0.2, 0.15, 0.4, 0.1, 0.1, 0.3


@cache
def photo(seed: int, usable: bool) -> str:
    """A usable photo in base64, or one that is far too dark."""
    image = scene(seed, WIDTH, HEIGHT)
    return base64.b64encode(encode(image if usable else image.point(lambda value: value // 30), quality=60)).decode()


@cache
def body(variant: int, usable: bool, bulk: bool) -> InspectionInput:
    """A valid request of three to five photos."""
    return InspectionInput.model_validate(
        {
            "checklist": "reverse-pickup",
            "item": {"description": f"red shoe, size {variant}"},
            "photos": [{"data": photo(seed, usable or seed > 0)} for seed in range(3 + variant % 3)],
            "lane": "bulk" if bulk else "interactive",
        }
    )


class Client(threading.Thread):
    """Asks for `count` inspections, each under a key of its own, some twice at the same moment and some again later;
    looks at what it was told of now and then or cancels it, and looks at all of it in the end."""

    def __init__(self, world: World, client_id: str, count: int) -> None:
        super().__init__(name=client_id, daemon=True)
        self._world = world
        self._client_id = client_id
        self._count = count
        self._random = random.Random(f"{world.seed} {client_id}")
        self._fronts = FrontProcess(world, world.versions[0]), FrontProcess(world, world.versions[-1])
        self.told: list[str] = []

    def run(self) -> None:
        with ThreadPoolExecutor(1) as twin:
            for number in range(self._count):
                self._world.asked_for()
                self._ask(number, twin)
                if self.told and self._random.random() < LOOKS:
                    self._look(self._random.choice(self.told))
                if self.told and self._random.random() < CANCELS:
                    self._look(self._random.choice(self.told), self._fronts[0].cancel)
        for front in self._fronts:
            front.close()

    def look_at_all(self) -> None:
        for inspection_id in sorted(set(self.told)):
            self._look(inspection_id)
        self._fronts[0].close()

    def _ask(self, number: int, twin: ThreadPoolExecutor) -> None:
        draw = self._random.random
        asked = body(number % 5, draw() > UNUSABLE, draw() < BULK), f"key-{number}"
        doubled = twin.submit(self._until_heard, self._fronts[1], *asked) if draw() < TWICE_AT_ONCE else None
        self._until_heard(self._fronts[0], *asked)
        if doubled is not None:
            doubled.result()
        if draw() < AGAIN_LATER:
            self._until_heard(self._fronts[0], *asked)

    def _until_heard(self, front: FrontProcess, asked: InspectionInput, key: str) -> None:
        """Until there is an answer that is neither a broken connection nor 503."""
        for _ in range(PATIENCE):
            who = {"client": self._client_id, "key": key}
            self._world.history.note("asked", **who)
            asked_s = self._world.history.now_s()
            answer = front.post(asked, self._client_id, key)
            self._world.history.note("told", **who, asked_s=asked_s, **answer.noted())
            if answer.inspection is not None:
                self.told.append(answer.inspection.id)
            if answer.status not in (0, 503):
                return
            self._world.closing.wait(PAUSE_S)

    def _look(self, inspection_id: str, ask: Callable[[str, str], Answer] | None = None) -> None:
        """`ask` is what answers with the inspection: GET, or a cancellation."""
        asked_s = self._world.history.now_s()
        answer = (ask or self._fronts[0].get)(self._client_id, inspection_id)
        noted = {"asked_for": inspection_id, "asked_s": asked_s, **answer.noted()}
        self._world.history.note("saw", client=self._client_id, **noted)
