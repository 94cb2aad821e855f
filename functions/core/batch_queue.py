"""The queue of batches that are due: a message carries a batch's id and nothing else."""

from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from core.errors import Unavailable
from core.observability import logger
from core.queues import send


class BatchMessage(BaseModel):
    """The body of every message of this queue."""

    model_config = ConfigDict(extra="ignore", frozen=True)  # a later version may say more; this one must not fail on it

    batch_id: str = Field(pattern=r"^batch_[a-z2-7]{26}$")


class BatchQueue(Protocol):
    """The queue, seen from whoever sends to it."""

    def send(self, batch_id: str, *, group: str, delay_s: int = 0) -> None:
        """Ask for a look at the batch, after `delay_s` (at most 900) seconds; its client is the group.

        Raises Unavailable.
        """


class SqsBatchQueue:
    """Amazon SQS through boto3; `client` is a boto3 SQS client."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def send(self, batch_id: str, *, group: str, delay_s: int = 0) -> None:
        send(self._client, self._url, BatchMessage(batch_id=batch_id), group=group, delay_s=delay_s)


def tell(queue: BatchQueue, batch_id: str, *, client_id: str, delay_s: int = 0) -> None:
    """What is due is committed, so it will be done even if the queue is away: the sweeper sends it later."""
    try:
        queue.send(batch_id, group=client_id, delay_s=delay_s)
    except Unavailable:
        logger.warning("due but not queued; the sweeper will send it", batch_id=batch_id)
