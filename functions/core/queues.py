"""SQS between the stages. A message carries an inspection's id and nothing else: MySQL knows the rest."""

from contextlib import suppress
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from core.errors import Unavailable

LONGEST_DELAY_S = 900  # SQS's own bound for DelaySeconds


class StageMessage(BaseModel):
    """The body of every message between stages."""

    model_config = ConfigDict(extra="ignore", frozen=True)  # a later version may say more; this one must not fail on it

    inspection_id: str = Field(pattern=r"^insp_[a-z2-7]{26}$")


class Queue(Protocol):
    """One stage's queue, seen from whoever sends to it."""

    def send(self, inspection_id: str, *, group: str, delay_s: int = 0) -> None:
        """Ask the stage to look at the inspection, after `delay_s` (at most 900) seconds. Raises Unavailable.

        Of the groups that wait, one with many messages takes no more than its turn (SQS's fair queues).
        """


def send(client: Any, url: str, message: BaseModel, *, group: str, delay_s: int) -> None:
    """One message through a boto3 SQS client. Raises Unavailable."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client.send_message(
            QueueUrl=url,
            MessageBody=message.model_dump_json(),
            MessageGroupId=group,
            DelaySeconds=min(max(delay_s, 0), LONGEST_DELAY_S),
        )
    except (BotoCoreError, ClientError) as error:
        raise Unavailable("The queue can't be reached at the moment.") from error


class SqsQueue:
    """Amazon SQS through boto3; `client` is a boto3 SQS client."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def send(self, inspection_id: str, *, group: str, delay_s: int = 0) -> None:
        send(self._client, self._url, StageMessage(inspection_id=inspection_id), group=group, delay_s=delay_s)

    def holds(self, queue_arn: str) -> bool:
        """Whether this is the queue of that ARN: both end in its name."""
        return self._url.rpartition("/")[2] == queue_arn.rpartition(":")[2]

    def return_message(self, receipt_handle: str, after_s: int) -> None:
        """Let a received message be seen again after `after_s` seconds; if that fails, its visibility timeout does."""
        from botocore.exceptions import BotoCoreError, ClientError

        with suppress(BotoCoreError, ClientError):
            self._client.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=receipt_handle, VisibilityTimeout=after_s
            )
