"""SQS's standard queues in memory: visibility, delay, long polling, dead letters, fair delivery by message group.

Every operation is O(log n) in messages; a receive looks once at each group that has some waiting.
moto's queues cost 5 ms a call and more with depth, which would be most of an inspection's time here.
Behaviour: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/welcome.html
"""

import hashlib
import heapq
import itertools
import json
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scrutineer.local.template_model import ACCOUNT, QueueSpec

DEFAULTS: Mapping[str, str] = {
    "VisibilityTimeout": "30",
    "DelaySeconds": "0",
    "ReceiveMessageWaitTimeSeconds": "0",
    "MessageRetentionPeriod": "345600",
    "MaximumMessageSize": "1048576",
}


class ReceiptHandleInvalid(ValueError):
    """Not a receipt handle of this queue."""


@dataclass
class Message:
    """Times in seconds since the epoch. `visible_at` is in the past for a message that can be received."""

    id: str
    body: str
    attributes: Mapping[str, Any]
    sent_at: float
    visible_at: float
    group: str | None = None
    trace: str | None = None
    receives: int = 0
    first_received_at: float = 0.0
    dead_letter_source: str | None = None
    receipt: str | None = None
    deleted: bool = False
    in_flight: bool = False


@dataclass(frozen=True)
class Received:
    """A message as it was at one receive."""

    id: str
    receipt: str
    body: str
    system_attributes: Mapping[str, str]
    attributes: Mapping[str, Any]

    @property
    def md5(self) -> str:
        return hashlib.md5(self.body.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Depth:
    visible: int
    in_flight: int
    delayed: int


@dataclass(order=True)
class _Later:
    at: float
    order: int
    message: Message = field(compare=False)


class Queue:
    """Thread-safe."""

    def __init__(self, spec: QueueSpec) -> None:
        self.spec = spec
        self.attributes: dict[str, str] = {**DEFAULTS, **spec.attributes}
        self.dead_letters: Queue | None = None
        self._changed = threading.Condition()
        # By group; the one that was served longest ago stands first.
        self._ready: dict[str | None, deque[Message]] = {}
        self._in_flight: Counter[str | None] = Counter()
        self._later: list[_Later] = []
        self._order = itertools.count()
        self._known: dict[str, Message] = {}
        self._closed = False

    def send(
        self,
        body: str,
        *,
        attributes: Mapping[str, Any] | None = None,
        delay_s: int | None = None,
        group: str | None = None,
        trace: str | None = None,
    ) -> str:
        """Returns the message's id."""
        now = time.time()
        delay_s = int(self.attributes["DelaySeconds"]) if delay_s is None else delay_s
        message = Message(str(uuid.uuid4()), body, attributes or {}, now, now + delay_s, group, trace)
        self._add(message)
        return message.id

    def receive(self, count: int, *, wait_s: float, visibility_timeout_s: int | None = None) -> list[Received]:
        """At most `count` messages; waits up to `wait_s` for the first one."""
        hidden_s = int(self.attributes["VisibilityTimeout"]) if visibility_timeout_s is None else visibility_timeout_s
        give_up = time.monotonic() + wait_s
        with self._changed:
            while True:
                received = self._take(count, hidden_s)
                remaining_s = give_up - time.monotonic()
                if received or remaining_s <= 0 or self._closed:
                    return received
                next_s = self._later[0].at - time.time() if self._later else remaining_s
                self._changed.wait(max(0.001, min(remaining_s, next_s)))

    def delete(self, receipt: str) -> None:
        """An outdated receipt is accepted and deletes nothing. Raises `ReceiptHandleInvalid`."""
        with self._changed:
            message = self._by_receipt(receipt)
            if message and message.receipt == receipt:
                self._lands(message)
                message.deleted = True
                del self._known[message.id]

    def change_visibility(self, receipt: str, timeout_s: int) -> None:
        """Counts from now; 0 makes the message visible at once. Raises `ReceiptHandleInvalid`."""
        with self._changed:
            message = self._by_receipt(receipt)
            if message and message.receipt == receipt and message.visible_at > time.time():
                self._hide(message, time.time() + timeout_s)
                self._changed.notify()

    def purge(self) -> None:
        with self._changed:
            for message in self._known.values():
                message.deleted = True
            self._known.clear()
            self._ready.clear()
            self._in_flight.clear()

    def depth(self) -> Depth:
        with self._changed:
            now = time.time()
            hidden = [message for message in self._known.values() if message.visible_at > now]
            delayed = sum(message.receives == 0 for message in hidden)
            return Depth(len(self._known) - len(hidden), len(hidden) - delayed, delayed)

    def close(self) -> None:
        """Ends every wait."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _add(self, message: Message) -> None:
        with self._changed:
            self._known[message.id] = message
            self._hide(message, message.visible_at)
            self._changed.notify()

    def _hide(self, message: Message, until: float) -> None:
        message.visible_at = until
        heapq.heappush(self._later, _Later(until, next(self._order), message))

    def _take(self, count: int, hidden_s: int) -> list[Received]:
        now = time.time()
        while self._later and self._later[0].at <= now:
            due = heapq.heappop(self._later)
            # A message has an entry for each time it was hidden; only the last one counts.
            if due.at == due.message.visible_at and not due.message.deleted:
                self._lands(due.message)
                self._ready.setdefault(due.message.group, deque()).append(due.message)
        oldest = now - int(self.attributes["MessageRetentionPeriod"])
        redrive = json.loads(self.attributes["RedrivePolicy"]) if "RedrivePolicy" in self.attributes else None
        received: list[Received] = []
        while self._ready and len(received) < count:
            message = self._next()
            if message.deleted:
                continue
            if message.sent_at < oldest:
                del self._known[message.id]
            elif redrive and self.dead_letters and message.receives >= int(redrive["maxReceiveCount"]):
                del self._known[message.id]
                message.dead_letter_source = self.spec.arn
                message.visible_at = now
                self.dead_letters._add(message)
            else:
                received.append(self._hand_out(message, now, hidden_s))
        return received

    def _next(self) -> Message:
        """Of the groups with the fewest messages in flight, the one that waits longest: whoever has many waiting is
        served as often as the others and no more while they have some.

        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
        """
        group = min(self._ready, key=lambda group: self._in_flight[group])
        waiting = self._ready.pop(group)
        message = waiting.popleft()
        if waiting:
            self._ready[group] = waiting
        return message

    def _lands(self, message: Message) -> None:
        if message.in_flight:
            message.in_flight = False
            self._in_flight[message.group] -= 1

    def _hand_out(self, message: Message, now: float, hidden_s: int) -> Received:
        message.receives += 1
        message.in_flight = True
        self._in_flight[message.group] += 1
        message.first_received_at = message.first_received_at or now
        message.receipt = f"{message.id}/{uuid.uuid4()}"
        self._hide(message, now + hidden_s)
        system = {
            "SenderId": ACCOUNT,
            "SentTimestamp": str(int(message.sent_at * 1000)),
            "ApproximateReceiveCount": str(message.receives),
            "ApproximateFirstReceiveTimestamp": str(int(message.first_received_at * 1000)),
            "MessageGroupId": message.group,
            "AWSTraceHeader": message.trace,
            "DeadLetterQueueSourceArn": message.dead_letter_source,
        }
        known = {name: value for name, value in system.items() if value is not None}
        return Received(message.id, message.receipt, message.body, known, message.attributes)

    def _by_receipt(self, receipt: str) -> Message | None:
        """None if the message is gone, which is no error."""
        message_id, separator, _ = receipt.partition("/")
        if not separator or len(message_id) != 36:
            raise ReceiptHandleInvalid(receipt)
        return self._known.get(message_id)


def make_queues(specs: Iterable[QueueSpec]) -> dict[str, Queue]:
    """Queues by logical id, joined to their dead-letter queues."""
    queues = {spec.logical_id: Queue(spec) for spec in specs}
    by_arn = {queue.spec.arn: queue for queue in queues.values()}
    for queue in queues.values():
        if "RedrivePolicy" in queue.attributes:
            queue.dead_letters = by_arn[json.loads(queue.attributes["RedrivePolicy"])["deadLetterTargetArn"]]
    return queues
