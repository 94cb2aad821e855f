"""SQS → Lambda: one poller for each event source mapping, as Lambda's own pollers behave.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html
"""

import base64
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from scrutineer.local.errors import LocalStackError
from scrutineer.local.function_pool import InvokeResult
from scrutineer.local.template_model import REGION, EventSourceSpec, QueueSpec

log = logging.getLogger(__name__)

LONG_POLL_S = 20
# SQS gives at most 10 messages a call.
RECEIVE_LIMIT = 10
RETRY_S = 0.2


class Poller:
    """Long-polls one queue and invokes one function with at most `concurrency` batches at once.

    What the function did not handle is left to the queue: it comes back after the visibility timeout, or goes to the
    dead-letter queue.
    """

    def __init__(
        self,
        source: EventSourceSpec,
        queue: QueueSpec,
        *,
        invoke: Callable[[bytes], InvokeResult],
        concurrency: int,
        sqs: Any,
    ) -> None:
        self._source = source
        self._queue = queue
        self._invoke = invoke
        self._sqs = sqs
        self._slots = threading.Semaphore(concurrency)
        self._workers = ThreadPoolExecutor(concurrency, thread_name_prefix=f"{source.function}-batch")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{source.function}-poller", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def request_stop(self) -> None:
        """Takes no more messages; a long poll under way ends when the queue service does."""
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
            try:
                messages = self._gather()
            except Exception as error:  # boto3 raises a class per failure; the queue service may be stopping
                self._slots.release()
                if not self._stopping.wait(RETRY_S):
                    log.warning("%s: cannot receive: %s", self._source.logical_id, error)
                continue
            if not messages:
                self._slots.release()
                continue
            try:
                self._workers.submit(self._handle, messages)
            except RuntimeError:  # shut down meanwhile; the messages become visible again
                return

    def _gather(self) -> list[dict[str, Any]]:
        """One batch: what is there, or with a batching window what comes within it after the first message."""
        size = self._source.batch_size
        messages = self._receive(min(size, RECEIVE_LIMIT), LONG_POLL_S)
        give_up = time.monotonic() + self._source.window_s
        while messages and len(messages) < size and self._source.window_s and not self._stopping.is_set():
            remaining_s = int(give_up - time.monotonic())
            if remaining_s < 1:
                break
            messages += self._receive(min(size - len(messages), RECEIVE_LIMIT), remaining_s)
        return messages

    def _receive(self, count: int, wait_s: int) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(
            QueueUrl=self._queue.url,
            MaxNumberOfMessages=count,
            WaitTimeSeconds=wait_s,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def _handle(self, messages: Sequence[Mapping[str, Any]]) -> None:
        try:
            result = self._invoke(json.dumps(sqs_event(messages, self._queue.arn)).encode())
            handled = handled_messages(messages, result, self._source.report_failures)
            if handled:
                self._sqs.delete_message_batch(
                    QueueUrl=self._queue.url,
                    Entries=[
                        {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]}
                        for index, message in enumerate(handled)
                    ],
                )
        except LocalStackError as error:
            log.warning("%s: %s", self._source.logical_id, error)
        except Exception as error:  # the outermost edge of this thread: an undeleted message simply comes back
            if not self._stopping.is_set():
                log.warning("%s: cannot finish a batch: %s", self._source.logical_id, error)
        finally:
            self._slots.release()


def sqs_event(messages: Sequence[Mapping[str, Any]], queue_arn: str) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event"""
    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message.get("Attributes", {}),
                "messageAttributes": {
                    name: _attribute(attribute) for name, attribute in message.get("MessageAttributes", {}).items()
                },
                "md5OfBody": message.get("MD5OfBody"),
                "eventSource": "aws:sqs",
                "eventSourceARN": queue_arn,
                "awsRegion": REGION,
            }
            for message in messages
        ]
    }


def _attribute(attribute: Mapping[str, Any]) -> dict[str, Any]:
    members: dict[str, Any] = {"stringListValues": [], "binaryListValues": [], "dataType": attribute["DataType"]}
    if "StringValue" in attribute:
        members["stringValue"] = attribute["StringValue"]
    if "BinaryValue" in attribute:
        members["binaryValue"] = base64.b64encode(attribute["BinaryValue"]).decode()
    return members


def handled_messages(
    messages: Sequence[Mapping[str, Any]], result: InvokeResult, report_failures: bool
) -> list[Mapping[str, Any]]:
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
    if not failed <= {message["MessageId"] for message in messages}:
        return []
    return [message for message in messages if message["MessageId"] not in failed]
