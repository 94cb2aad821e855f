"""What a client notices of another that sends fifty times its share: latency alone, beside the flood, and beside it
without fair delivery.

The local stack's own queues and pollers carry the inspections through the three stages; each stage's function is a
pause of a random length, so that nothing is measured but waiting. The endpoint is the narrow place: the flood sends
more than it holds.
"""

import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.report import arguments, percentile, tell
from scrutineer.local.function_pool import InvokeResult
from scrutineer.local.pollers import Poller
from scrutineer.local.queues import Queue
from scrutineer.local.template_model import EventSourceSpec, QueueSpec

FLOOD_TIMES = 50


@dataclass(frozen=True)
class Stage:
    """`concurrency` batches at once, each of which takes half to one and a half times `service_s`."""

    name: str
    service_s: float
    concurrency: int


STAGES = (Stage("precheck", 0.02, 50), Stage("invoke", 0.1, 15), Stage("format", 0.01, 10))
ENDPOINT = 1


@dataclass(frozen=True)
class Waited:
    """What one inspection of the victim waited: `ms` until it was through, and `ahead`, how many others the endpoint
    began between its coming to the endpoint's queue and its own beginning. The count does not hang on the machine's
    speed."""

    ms: float
    ahead: int


class Line:
    """Queues and pollers of the three stages, one after the other."""

    def __init__(self, *, fair: bool) -> None:
        self._fair = fair
        self._finished: dict[str, threading.Event] = {}
        self._begun = 0
        self._begun_when_queued: dict[str, int] = {}
        self._ahead: dict[str, int] = {}
        self._counting = threading.Lock()
        self._closing = ExitStack()
        self.queues = [Queue(_queue(stage.name)) for stage in STAGES]
        for place, stage in enumerate(STAGES):
            poller = Poller(
                _source(stage.name),
                self.queues[place],
                invoke=partial(self._work, place),
                concurrency=stage.concurrency,
            )
            self._closing.callback(poller.join, 2)
            self._closing.callback(self.queues[place].close)
            self._closing.callback(poller.request_stop)
            poller.start()

    def send(self, client: str, name: str) -> None:
        self._send(0, client, name)

    def inspect(self, client: str, name: str) -> Waited:
        """Raises TimeoutError after a minute."""
        start = time.monotonic()
        finished = self._finished[name] = threading.Event()
        self._send(0, client, name)
        if not finished.wait(60):
            raise TimeoutError(name)
        return Waited(1000 * (time.monotonic() - start), self._ahead.pop(name))

    def close(self) -> None:
        self._closing.close()

    def _send(self, place: int, client: str, name: str) -> None:
        if place == ENDPOINT and name in self._finished:
            with self._counting:
                self._begun_when_queued[name] = self._begun
        self.queues[place].send(json.dumps([client, name]), group=client if self._fair else "all")

    def _work(self, place: int, event: bytes) -> InvokeResult:
        (record,) = json.loads(event)["Records"]
        client, name = json.loads(record["body"])
        if place == ENDPOINT:
            self._count(name)
        time.sleep(STAGES[place].service_s * random.uniform(0.5, 1.5))
        if place + 1 < len(STAGES):
            self._send(place + 1, client, name)
        elif name in self._finished:
            self._finished.pop(name).set()
        return InvokeResult(b"{}", None, cold=False)

    def _count(self, name: str) -> None:
        with self._counting:
            if name in self._begun_when_queued:
                self._ahead[name] = self._begun - self._begun_when_queued.pop(name)
            self._begun += 1


def measure(samples: int, *, flooded: bool, fair: bool) -> list[Waited]:
    """What the victim waited, who sends one inspection after the other."""
    line = Line(fair=fair)
    stopping = threading.Event()
    # The victim's own pace without anybody else, fifty times.
    pause_s = sum(stage.service_s for stage in STAGES) / FLOOD_TIMES

    def flood() -> None:
        due, sent = time.monotonic(), 0
        while not stopping.is_set():
            line.send("flood", f"flood-{sent}")
            sent += 1
            due += pause_s
            time.sleep(max(0.0, due - time.monotonic()))

    sender = threading.Thread(target=flood, daemon=True)
    try:
        if flooded:
            sender.start()
            time.sleep(1)  # until the endpoint is full and a backlog has grown
        return [line.inspect("victim", f"victim-{each}") for each in range(samples)]
    finally:
        stopping.set()
        line.close()


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--samples", type=int, default=200, help="inspections of the victim in each row")
    options = parser.parse_args()
    ways: Mapping[str, Callable[[int], list[Waited]]] = {
        "alone": partial(measure, flooded=False, fair=True),
        "beside the flood": partial(measure, flooded=True, fair=True),
        # The line only grows, so each of these waits more than twice as long as the one before.
        "beside the flood, one group": lambda _: measure(2, flooded=True, fair=False),
    }
    rows: list[dict[str, Any]] = []
    for way, measured in ways.items():
        waited = measured(options.samples)
        spent_ms = [each.ms for each in waited]
        p99 = percentile(spent_ms, 0.99)
        rows.append(
            {
                "the victim": way,
                "inspections": len(spent_ms),
                "p50 ms": percentile(spent_ms, 0.5),
                "p99 ms": p99,
                "most ahead": max(each.ahead for each in waited),
                "× p99 alone": p99 / rows[0]["p99 ms"] if rows else 1.0,
            }
        )
    tell(f"One client beside another that sends {FLOOD_TIMES} times as much", rows, options.json)


def _queue(name: str) -> QueueSpec:
    return QueueSpec(name, name, f"http://127.0.0.1:9/{name}", f"arn:aws:sqs:local:0:{name}", 60, {})


def _source(name: str) -> EventSourceSpec:
    return EventSourceSpec(
        logical_id=f"{name}Messages",
        function=name,
        queue=name,
        batch_size=1,
        window_s=0,
        max_concurrency=None,
        report_failures=True,
        enabled=True,
    )


if __name__ == "__main__":
    main()
