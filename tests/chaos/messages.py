"""SQS between the stages: the local stack's own queues behind the functions' own adapter, with faults of delivery."""

import json
import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.lanes import Lane
from core.queues import SqsQueue
from core.states import State
from scrutineer.local.queues import Queue, Received, make_queues
from scrutineer.local.template_model import QueueSpec
from tests.chaos.clocks import TIME_SCALE, true_time

QUEUED = (State.ACCEPTED, State.PRECHECKED, State.INFERRED)
VISIBILITY_S, MAX_RECEIVES = 0.3, 8


@dataclass
class Delivery:
    """How the queues behave at the moment: `copies` of each message, up to `disorder_s` later than asked for, `lost`
    of them never; `extra` are members that this version of the functions has never heard of."""

    copies: int = 1
    disorder_s: float = 0.0
    lost: float = 0.0
    extra: Mapping[str, Any] = field(default_factory=dict)


class Messages:
    """A queue for each state and lane, with dead letters. Thread-safe."""

    def __init__(self, seed: int) -> None:
        self.delivery = Delivery()
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._queues = make_queues(
            spec
            for state in QUEUED
            for lane in Lane
            for spec in (
                _spec(_name(state, lane), dead=f"{_name(state, lane)}-dead"),
                _spec(f"{_name(state, lane)}-dead"),
            )
        )
        self.sent = 0

    def adapters(self) -> dict[State, dict[Lane, SqsQueue]]:
        """What a process of the functions sends with."""
        return {state: {lane: SqsQueue(self, _name(state, lane)) for lane in Lane} for state in QUEUED}

    def queue(self, state: State, lane: Lane) -> Queue:
        return self._queues[_name(state, lane)]

    def receive(self, state: State, lane: Lane) -> Received | None:
        received = self.queue(state, lane).receive(1, wait_s=0, visibility_timeout_s=VISIBILITY_S)  # type: ignore[arg-type]
        return received[0] if received else None

    def dead_letters(self) -> list[str]:
        """Bodies of the messages that were given up."""
        dead = [queue for name, queue in self._queues.items() if name.endswith("-dead")]
        return [each.body for queue in dead for each in queue.receive(10_000, wait_s=0, visibility_timeout_s=0)]

    def idle(self) -> bool:
        """Whether no queue has a message, seen or unseen."""
        return all(
            (depth.visible, depth.in_flight, depth.delayed) == (0, 0, 0)
            for name, queue in self._queues.items()
            if not name.endswith("-dead")
            for depth in [queue.depth()]
        )

    def put(self, state: State, lane: Lane, body: str) -> None:
        """A message that no function of ours has sent."""
        self.queue(state, lane).send(body)

    # The two calls of boto3's SQS client that `SqsQueue` makes.
    def send_message(self, *, QueueUrl: str, MessageBody: str, DelaySeconds: int = 0, **_: Any) -> None:
        delivery = self.delivery
        with self._lock:
            if self._random.random() < delivery.lost:
                return
            delays = [self._random.uniform(0, delivery.disorder_s) for _ in range(delivery.copies)]
            self.sent += 1
        body = json.dumps({**json.loads(MessageBody), **delivery.extra})
        with true_time():
            for delay_s in delays:
                self._queues[QueueUrl].send(body, delay_s=DelaySeconds * TIME_SCALE + delay_s)  # type: ignore[arg-type]

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> None:
        with true_time():
            self._queues[QueueUrl].change_visibility(ReceiptHandle, VisibilityTimeout * TIME_SCALE)  # type: ignore[arg-type]


def _name(state: State, lane: Lane) -> str:
    return f"{state.value}-{lane.value}"


def _spec(name: str, dead: str | None = None) -> QueueSpec:
    redrive = {"deadLetterTargetArn": f"arn:aws:sqs:::{dead}", "maxReceiveCount": MAX_RECEIVES}
    attributes = {"RedrivePolicy": json.dumps(redrive)} if dead else {}
    return QueueSpec(name, name, name, f"arn:aws:sqs:::{name}", 1, attributes)
