"""SQS → Lambda: one poller for each event source mapping, as Lambda's own pollers behave.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from scrutineer.local.errors import LocalStackError
from scrutineer.local.function_pool import InvokeResult
from scrutineer.local.queues import Queue, Received
from scrutineer.local.template_model import REGION, EventSourceSpec

log = logging.getLogger(__name__)

LONG_POLL_S = 20
# SQS gives at most 10 messages a call.
RECEIVE_LIMIT = 10


class Poller:
    """Long-polls one queue and invokes one function with at most `concurrency` batches at once.

    What the function did not handle is left to the queue: it comes back after the visibility timeout, or goes to the
    dead-letter queue.
    """

    def __init__(
        self,
        source: EventSourceSpec,
        queue: Queue,
        *,
        invoke: Callable[[bytes], InvokeResult],
        concurrency: int,
    ) -> None:
        self._source = source
        self._queue = queue
        self._invoke = invoke
        self._slots = threading.Semaphore(concurrency)
        self._workers = ThreadPoolExecutor(concurrency, thread_name_prefix=f"{source.function}-batch")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{source.function}-poller", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def request_stop(self) -> None:
        """Takes no more messages; a long poll under way ends when the queue is closed."""
        self._stopping.set()
        self._slots.release()

    def join(self, limit_s: float) -> None:
        self._thread.join(limit_s)
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        while not self._stopping.is_set():
            # First a free slot, then messages: what nobody can work on should stay visible to others.
            self._slots.acquire()
            if self._stopping.is_set():
                return
            messages = self._gather()
            if not messages:
                self._slots.release()
                continue
            try:
                self._workers.submit(self._handle, messages)
            except RuntimeError:  # shut down meanwhile; the messages become visible again
                return

    def _gather(self) -> list[Received]:
        """One batch: what is there, or with a batching window what comes within it after the first message."""
        size = self._source.batch_size
        messages = self._queue.receive(min(size, RECEIVE_LIMIT), wait_s=LONG_POLL_S)
        give_up = time.monotonic() + self._source.window_s
        while messages and len(messages) < size and self._source.window_s and not self._stopping.is_set():
            remaining_s = give_up - time.monotonic()
            if remaining_s <= 0:
                break
            messages += self._queue.receive(min(size - len(messages), RECEIVE_LIMIT), wait_s=remaining_s)
        return messages

    def _handle(self, messages: Sequence[Received]) -> None:
        try:
            result = self._invoke(json.dumps(sqs_event(messages, self._queue.spec.arn)).encode())
            for message in handled_messages(messages, result, self._source.report_failures):
                self._queue.delete(message.receipt)
        except LocalStackError as error:
            log.warning("%s: %s", self._source.logical_id, error)
        finally:
            self._slots.release()


def sqs_event(messages: Sequence[Received], queue_arn: str) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event"""
    return {
        "Records": [
            {
                "messageId": message.id,
                "receiptHandle": message.receipt,
                "body": message.body,
                "attributes": dict(message.system_attributes),
                "messageAttributes": {name: _attribute(value) for name, value in message.attributes.items()},
                "md5OfBody": message.md5,
                "eventSource": "aws:sqs",
                "eventSourceARN": queue_arn,
                "awsRegion": REGION,
            }
            for message in messages
        ]
    }


def _attribute(attribute: Mapping[str, Any]) -> dict[str, Any]:
    """SQS's `StringValue` is Lambda's `stringValue`; binary values are base64 in both."""
    members = {name[0].lower() + name[1:]: value for name, value in attribute.items()}
    return {"stringListValues": [], "binaryListValues": [], **members}


def handled_messages(messages: Sequence[Received], result: InvokeResult, report_failures: bool) -> list[Received]:
    """The messages to delete. A malformed report counts as a failed batch, an empty one as a success.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
    """
    if result.function_error:
        return []
    if not report_failures:
        return list(messages)
    try:
        answer = json.loads(result.payload)
        failures = (answer or {}).get("batchItemFailures") or []
        failed = {failure["itemIdentifier"] for failure in failures}
    except (ValueError, AttributeError, TypeError, KeyError):
        return []
    if not failed <= {message.id for message in messages}:
        return []
    return [message for message in messages if message.id not in failed]
