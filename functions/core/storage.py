"""Objects in the inspection bucket: photos as they came, photos prepared for the model, raw model answers,
results."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from core.errors import ScrutineerError, Unavailable


class ObjectStore(Protocol):
    """What a stage does with objects."""

    def put(self, key: str, data: bytes, media_type: str) -> None:
        """Store `data` under `key`, replacing what was there."""

    def put_once(self, key: str, data: bytes, media_type: str) -> None:
        """Store `data` under `key` unless something is there already, which then stays. Raises Unavailable."""

    def get(self, key: str) -> bytes:
        """The object's bytes. Raises MissingObject, Unavailable."""

    def find(self, key: str) -> bytes | None:
        """The object's bytes, or None where there is none. Raises Unavailable."""

    def delete(self, keys: Sequence[str]) -> None:
        """Remove at most 1,000 objects; one that is not there is removed already. Raises Unavailable."""


class MissingObject(ScrutineerError):
    """The row says there is an object, the bucket has none: deleted by lifecycle or by hand."""

    code, status, title = "photo_gone", 410, "A photo is no longer there"


def photo_key(inspection_id: str, index: int) -> str:
    """A photo as the client sent it."""
    return f"photos/{inspection_id}/{index}"


def prepared_key(inspection_id: str, index: int) -> str:
    """A photo upright, without metadata, at the size the model needs."""
    return f"prepared/{inspection_id}/{index}.jpg"


def request_key(inspection_id: str) -> str:
    """What an asynchronous endpoint is to read, photos and all, until it has answered."""
    return f"asynchronous/requests/{inspection_id}.json"


def call_key(inspection_id: str) -> str:
    """The note that an asynchronous endpoint was asked, and where it will answer, until it has."""
    return f"asynchronous/calls/{inspection_id}.json"


def capture_key(inspection_id: str) -> str:
    """What the endpoint was asked and what it answered, in SageMaker's capture format."""
    return f"captures/{inspection_id}.json"


def result_key(client_id: str, finished_at: datetime, inspection_id: str) -> str:
    """A final inspection as its client saw it, below the UTC day on which it ended."""
    return f"results/{client_id}/{finished_at:%Y/%m/%d}/{inspection_id}.json"


class S3ObjectStore:
    """Amazon S3 through boto3; `client` is a boto3 S3 client."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: str, data: bytes, media_type: str) -> None:
        self._put(key, data, media_type)

    def put_once(self, key: str, data: bytes, media_type: str) -> None:
        self._put(key, data, media_type, IfNoneMatch="*")

    def _put(self, key: str, data: bytes, media_type: str, **conditions: str) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=data, ContentType=media_type, **conditions)
        except ClientError as error:
            if conditions and error.response["Error"]["Code"] == "PreconditionFailed":
                return
            raise Unavailable("Photos can't be stored at the moment.", retry_after_s=5) from error
        except BotoCoreError as error:
            raise Unavailable("Photos can't be stored at the moment.", retry_after_s=5) from error

    def get(self, key: str) -> bytes:
        found = self.find(key)
        if found is None:
            raise MissingObject("What the inspection needs is no longer stored.")
        return found

    def find(self, key: str) -> bytes | None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            body: bytes = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise Unavailable("Photos can't be read at the moment.", retry_after_s=5) from error
        except BotoCoreError as error:
            raise Unavailable("Photos can't be read at the moment.", retry_after_s=5) from error
        return body

    def delete(self, keys: Sequence[str]) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._client.delete_objects(
                Bucket=self._bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
            )
        except (ClientError, BotoCoreError) as error:
            raise Unavailable("Photos can't be removed at the moment.", retry_after_s=5) from error
        if answer.get("Errors"):  # some of them failed, in an answer of status 200
            raise Unavailable("Photos can't be removed at the moment.", retry_after_s=5)
