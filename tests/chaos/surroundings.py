"""The bucket and the model endpoint, each with the faults that a scenario turns on."""

import json
import random
import threading
import time
from dataclasses import dataclass, field

from core.endpoint import Answered, EndpointUnavailable
from core.errors import Unavailable
from core.storage import capture_key
from tests.fakes.endpoint import answer_to
from tests.fakes.object_store import InMemoryStore


class FaultyStore(InMemoryStore):
    """`failing` is the share of reads and writes that fail for a key that ends as `third` says; a photo's key ends in
    its index."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.failing = 0.0
        self.third = ("/2", "/2.jpg")
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self.refusals = 0

    def _check(self, key: str) -> None:
        super()._check(key)
        if key.endswith(self.third):
            with self._lock:
                fails = self._random.random() < self.failing
                self.refusals += fails
            if fails:
                raise Unavailable("Photos can't be read at the moment.", retry_after_s=5)


@dataclass
class Behaviour:
    """Shares of calls that are answered 5xx, refused for now, or cut off after the work is done; `slow_s` for all."""

    failing: float = 0.0
    throttled: float = 0.0
    cut_off: float = 0.0
    slow_s: float = 0.0


@dataclass
class Calls:
    """`judged_on`: (inspection id, photos) of every call; `repeated`: calls whose answer was in the bucket already."""

    judged_on: list[tuple[str, int]] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)


class FaultyEndpoint:
    """An `Endpoint` that gives every question its expected answer, when it answers at all."""

    def __init__(self, store: FaultyStore, seed: int) -> None:
        self.behaviour = Behaviour()
        self.calls = Calls()
        self._store = store
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def invoke(self, body: bytes, inference_id: str, timeout_s: float | None = None) -> Answered:
        now = self.behaviour
        with self._lock:
            drawn = self._random.random()
            self.calls.judged_on.append((inference_id, len(json.loads(body)["photos"])))
            if capture_key(inference_id) in self._store.objects:
                self.calls.repeated.append(inference_id)
        time.sleep(now.slow_s)
        if drawn < now.failing:
            raise EndpointUnavailable("The model endpoint answered 500.", attempted=True)
        if drawn < now.failing + now.throttled:
            raise EndpointUnavailable("The model endpoint answered 429.", busy=True)
        if drawn < now.failing + now.throttled + now.cut_off:
            raise EndpointUnavailable("The model endpoint did not answer.", attempted=True)
        return Answered(answer_to(body), "fake:endpoint")
