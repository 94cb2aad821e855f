"""SQS's API in front of the queues: AWS JSON 1.0, as boto3 speaks it.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html
"""

import asyncio
import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from scrutineer.local.queues import Queue, ReceiptHandleInvalid

BATCH_LIMIT = 10
TARGET = "AmazonSQS."


class Refused(Exception):
    """An error of SQS, by the name that boto3 shows; `query_code` is its older name."""

    def __init__(self, code: str, message: str, query_code: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.query_code = query_code or code


class QueueService:
    """An ASGI application over `queues`, which come from the template: none can be created or deleted here."""

    def __init__(self, queues: Mapping[str, Queue]) -> None:
        self._by_name = {queue.spec.name: queue for queue in queues.values()}
        self._operations: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
            "SendMessage": self._send,
            "SendMessageBatch": lambda call: self._batch(call, self._send),
            "ReceiveMessage": self._receive,
            "DeleteMessage": self._delete,
            "DeleteMessageBatch": lambda call: self._batch(call, self._delete),
            "ChangeMessageVisibility": self._change_visibility,
            "ChangeMessageVisibilityBatch": lambda call: self._batch(call, self._change_visibility),
            "GetQueueUrl": self._get_url,
            "GetQueueAttributes": self._get_attributes,
            "SetQueueAttributes": self._set_attributes,
            "ListQueues": self._list,
            "PurgeQueue": lambda call: self._queue(call).purge(),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        operation = request.headers.get("x-amz-target", "").removeprefix(TARGET)
        try:
            call = json.loads(await request.body() or b"{}")
            if operation not in self._operations:
                raise Refused("UnsupportedOperation", f"{operation or 'this'} is not emulated by the local stack")
            perform = self._operations[operation]
            if operation == "ReceiveMessage" and self._wait_s(call) > 0:
                answer = await asyncio.to_thread(perform, call)
            else:
                answer = perform(call)
            response = _json(200, answer or {})
        except Refused as refused:
            response = _json(400, {"__type": f"com.amazonaws.sqs#{refused.code}", "message": str(refused)})
            response.headers["x-amzn-query-error"] = f"{refused.query_code};Sender"
        await response(scope, receive, send)

    def _queue(self, call: Mapping[str, Any]) -> Queue:
        name = str(call.get("QueueUrl", "")).rsplit("/", 1)[-1] or str(call.get("QueueName", ""))
        if name not in self._by_name:
            raise Refused(
                "QueueDoesNotExist",
                "The specified queue does not exist.",
                "AWS.SimpleQueueService.NonExistentQueue",
            )
        return self._by_name[name]

    def _send(self, call: Mapping[str, Any]) -> dict[str, Any]:
        queue = self._queue(call)
        body = call.get("MessageBody")
        if not isinstance(body, str) or not body:
            raise Refused("MissingParameter", "The request must contain the parameter MessageBody.")
        if len(body.encode()) > int(queue.attributes["MaximumMessageSize"]):
            raise Refused(
                "InvalidParameterValue",
                f"One or more parameters are invalid. Reason: Message must be shorter than "
                f"{queue.attributes['MaximumMessageSize']} bytes.",
            )
        system = call.get("MessageSystemAttributes") or {}
        message_id = queue.send(
            body,
            attributes=call.get("MessageAttributes"),
            delay_s=call.get("DelaySeconds"),
            group=call.get("MessageGroupId"),
            trace=(system.get("AWSTraceHeader") or {}).get("StringValue"),
        )
        return {
            "MessageId": message_id,
            "MD5OfMessageBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
        }

    def _wait_s(self, call: Mapping[str, Any]) -> int:
        wait_s = call.get("WaitTimeSeconds")
        return int(self._queue(call).attributes["ReceiveMessageWaitTimeSeconds"] if wait_s is None else wait_s)

    def _receive(self, call: Mapping[str, Any]) -> dict[str, Any]:
        count = int(call.get("MaxNumberOfMessages", 1))
        if not 1 <= count <= BATCH_LIMIT:
            raise Refused("InvalidParameterValue", "MaxNumberOfMessages must be between 1 and 10.")
        received = self._queue(call).receive(
            count, wait_s=self._wait_s(call), visibility_timeout_s=call.get("VisibilityTimeout")
        )
        system_names = {*(call.get("AttributeNames") or []), *(call.get("MessageSystemAttributeNames") or [])}
        names = call.get("MessageAttributeNames") or []
        messages = []
        for message in received:
            entry: dict[str, Any] = {
                "MessageId": message.id,
                "ReceiptHandle": message.receipt,
                "MD5OfBody": message.md5,
                "Body": message.body,
            }
            entry["Attributes"] = {
                name: value
                for name, value in message.system_attributes.items()
                if "All" in system_names or name in system_names
            }
            entry["MessageAttributes"] = {
                name: value for name, value in message.attributes.items() if _is_wanted(name, names)
            }
            messages.append({name: value for name, value in entry.items() if value != {}})
        return {"Messages": messages} if messages else {}

    def _delete(self, call: Mapping[str, Any]) -> None:
        queue = self._queue(call)
        try:
            queue.delete(str(call.get("ReceiptHandle", "")))
        except ReceiptHandleInvalid as error:
            raise _invalid_receipt() from error

    def _change_visibility(self, call: Mapping[str, Any]) -> None:
        timeout_s = int(call.get("VisibilityTimeout", -1))
        if not 0 <= timeout_s <= 43200:
            raise Refused("InvalidParameterValue", "VisibilityTimeout must be between 0 and 43200.")
        try:
            self._queue(call).change_visibility(str(call.get("ReceiptHandle", "")), timeout_s)
        except ReceiptHandleInvalid as error:
            raise _invalid_receipt() from error

    def _batch(self, call: Mapping[str, Any], perform: Callable[[Mapping[str, Any]], Any]) -> dict[str, Any]:
        self._queue(call)
        entries = call.get("Entries") or []
        if not entries:
            raise Refused("EmptyBatchRequest", "There should be at least one entry in the request.")
        if len(entries) > BATCH_LIMIT:
            raise Refused("TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10.")
        if len({entry["Id"] for entry in entries}) < len(entries):
            raise Refused("BatchEntryIdsNotDistinct", "Two or more batch entries have the same Id.")
        answer: dict[str, Any] = {"Successful": [], "Failed": []}
        for entry in entries:
            try:
                result = perform({**entry, "QueueUrl": call["QueueUrl"]})
                answer["Successful"].append({"Id": entry["Id"], **(result or {})})
            except Refused as refused:
                answer["Failed"].append(
                    {"Id": entry["Id"], "SenderFault": True, "Code": refused.code, "Message": str(refused)}
                )
        return answer

    def _get_url(self, call: Mapping[str, Any]) -> dict[str, Any]:
        return {"QueueUrl": self._queue(call).spec.url}

    def _get_attributes(self, call: Mapping[str, Any]) -> dict[str, Any]:
        queue, depth = self._queue(call), self._queue(call).depth()
        attributes = {
            **queue.attributes,
            "QueueArn": queue.spec.arn,
            "ApproximateNumberOfMessages": str(depth.visible),
            "ApproximateNumberOfMessagesNotVisible": str(depth.in_flight),
            "ApproximateNumberOfMessagesDelayed": str(depth.delayed),
        }
        wanted = call.get("AttributeNames") or []
        chosen = {name: value for name, value in attributes.items() if "All" in wanted or name in wanted}
        return {"Attributes": chosen} if chosen else {}

    def _set_attributes(self, call: Mapping[str, Any]) -> None:
        self._queue(call).attributes.update({name: str(value) for name, value in call["Attributes"].items()})

    def _list(self, call: Mapping[str, Any]) -> dict[str, Any]:
        prefix = call.get("QueueNamePrefix") or ""
        return {"QueueUrls": [queue.spec.url for name, queue in self._by_name.items() if name.startswith(prefix)]}


def _is_wanted(name: str, wanted: list[str]) -> bool:
    return any(
        pattern in ("All", ".*", name) or (pattern.endswith(".*") and name.startswith(pattern[:-2]))
        for pattern in wanted
    )


def _invalid_receipt() -> Refused:
    return Refused("ReceiptHandleIsInvalid", "The input receipt handle is invalid.")


def _json(status: int, members: Mapping[str, Any]) -> Response:
    headers = {"x-amzn-RequestId": str(uuid.uuid4())}
    return Response(json.dumps(members), status, headers, "application/x-amz-json-1.0")
