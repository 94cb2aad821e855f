"""Final inspections in DynamoDB, for the time that MySQL is away. MySQL stays the truth: it is always asked first."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from core.errors import Unavailable

DAY_S = 86_400


class HotResults(Protocol):
    """What is kept for hot reads: final inspections only, as their client saw them when they ended."""

    def put(self, client_id: str, inspection_id: str, document: bytes, finished_at: datetime) -> None:
        """Keep the document, unless there is one already, which then stays. Raises Unavailable."""

    def find(self, client_id: str, inspection_id: str) -> bytes | None:
        """The client's document, or None where there is none (any more). Raises Unavailable."""


class DynamoResults:
    """Amazon DynamoDB through boto3; `open_client` makes the client at its first use, which is rare in a reader.

    `days`: how long after its end an inspection can be read. DynamoDB deletes hours or days after that time, so what
    is over is not shown either.
    """

    def __init__(
        self, open_client: Callable[[], Any], table: str, days: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._open_client = open_client
        self._table = table
        self._days = days
        self._clock = clock

    def put(self, client_id: str, inspection_id: str, document: bytes, finished_at: datetime) -> None:
        """Only what is final comes here and a final state never changes, so the first document is the last one."""
        expires_at = int(finished_at.replace(tzinfo=UTC).timestamp()) + self._days * DAY_S
        if expires_at <= self._clock():
            return
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._open_client().put_item(
                TableName=self._table,
                Item={
                    "client_id": {"S": client_id},
                    "inspection_id": {"S": inspection_id},
                    "inspection": {"S": document.decode()},
                    "expires_at": {"N": str(expires_at)},
                },
                ConditionExpression="attribute_not_exists(inspection_id)",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise Unavailable("Results can't be kept for hot reads at the moment.", retry_after_s=5) from error
        except BotoCoreError as error:
            raise Unavailable("Results can't be kept for hot reads at the moment.", retry_after_s=5) from error

    def find(self, client_id: str, inspection_id: str) -> bytes | None:
        from botocore.exceptions import BotoCoreError, ClientError

        key = {"client_id": {"S": client_id}, "inspection_id": {"S": inspection_id}}
        try:
            item = self._open_client().get_item(TableName=self._table, Key=key).get("Item")
        except (ClientError, BotoCoreError) as error:
            raise Unavailable("Results can't be read at the moment.", retry_after_s=5) from error
        if item is None or int(item["expires_at"]["N"]) <= self._clock():
            return None
        document: str = item["inspection"]["S"]
        return document.encode()
