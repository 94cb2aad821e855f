"""A word to `notify` that something waits to be sent. It comes by itself every minute too, so a lost word does no harm.

The message says nothing: what waits is in the database, for whichever worker comes first.
"""

from collections.abc import Callable
from typing import Any

from core.database import Database
from core.errors import Unavailable
from core.observability import logger


class DeliveryNudge:
    """`client` makes a boto3 SQS client, at the first word; it must be an impatient one (core/aws.py)."""

    def __init__(self, database: Database, client: Callable[[], Any], queue_url: str) -> None:
        self._database = database
        self._client = client
        self._queue_url = queue_url

    def __call__(self) -> None:
        """Never fails: what it is about is committed already. For whoever ended many, or a batch: once for all."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client().send_message(QueueUrl=self._queue_url, MessageBody="{}")
        except (BotoCoreError, ClientError) as error:
            logger.warning("notify was not told", error_type=type(error).__name__)

    def after_end(self, inspection_id: str) -> None:
        """Only where somebody is to be told of the inspection: most clients have no webhooks."""
        try:
            waits = self._database.one(
                "SELECT 1 AS found FROM webhook_deliveries WHERE inspection_id = %s AND state = 'waiting' LIMIT 1",
                (inspection_id,),
            )
        except Unavailable:
            return
        if waits is not None:
            self()
