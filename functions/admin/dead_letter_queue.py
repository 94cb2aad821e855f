"""One stage's dead letters in SQS: looked at, put back, taken out."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from pydantic import ValidationError

from core.errors import Unavailable
from core.queues import StageMessage

AT_ONCE = 10  # SQS's own bound for a receive and for a batch
WAIT_S = 1  # a wait asks all of SQS's servers, no wait only some: it may miss what is there


@dataclass(frozen=True)
class Letter:
    """A message that was given up. `inspection_id` is None where the body is no message of ours, which is then nowhere
    kept or shown; `receives` counts all receives, also by whoever looked at it here.
    """

    message_id: str
    receipt: str
    inspection_id: str | None
    receives: int
    sent_at: datetime


class DeadLetterQueue(Protocol):
    """All raise Unavailable when the queue can't be reached."""

    def waiting(self) -> int:
        """About how many there are."""

    def receive(self, most: int, hidden_s: int) -> list[Letter]:
        """At most `most` that nobody else looks at, hidden from others for so long; none when there are no more."""

    def release(self, receipts: Sequence[str]) -> None:
        """Let them be seen again at once; what can't be released is seen when it is no longer hidden."""

    def delete(self, receipt: str) -> None:
        """Take it out for good."""


class SqsDeadLetters:
    """Amazon SQS through boto3; `client` is a boto3 SQS client."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def waiting(self) -> int:
        name = "ApproximateNumberOfMessages"
        found = self._call("get_queue_attributes", AttributeNames=[name])
        return int(found["Attributes"][name])

    def receive(self, most: int, hidden_s: int) -> list[Letter]:
        found = self._call(
            "receive_message",
            MaxNumberOfMessages=min(most, AT_ONCE),
            VisibilityTimeout=hidden_s,
            WaitTimeSeconds=WAIT_S,
            MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
        )
        return [_read(message) for message in found.get("Messages", [])]

    def release(self, receipts: Sequence[str]) -> None:
        for start in range(0, len(receipts), AT_ONCE):
            entries = [
                {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
                for number, receipt in enumerate(receipts[start : start + AT_ONCE])
            ]
            with suppress(Unavailable):
                self._call("change_message_visibility_batch", Entries=entries)

    def delete(self, receipt: str) -> None:
        self._call("delete_message", ReceiptHandle=receipt)

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = getattr(self._client, operation)(QueueUrl=self._url, **arguments)
        except (BotoCoreError, ClientError) as error:
            raise Unavailable("The dead letters can't be reached at the moment.", retry_after_s=5) from error
        return answer


def _read(message: dict[str, Any]) -> Letter:
    attributes = message["Attributes"]
    try:
        inspection_id = StageMessage.model_validate_json(message["Body"]).inspection_id
    except ValidationError:
        inspection_id = None
    return Letter(
        message_id=message["MessageId"],
        receipt=message["ReceiptHandle"],
        inspection_id=inspection_id,
        receives=int(attributes["ApproximateReceiveCount"]),
        sent_at=datetime.fromtimestamp(int(attributes["SentTimestamp"]) / 1000, UTC),
    )
