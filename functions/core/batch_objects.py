"""A batch's objects in the inspection bucket, read and written as streams: a manifest may be larger than the memory."""

from collections.abc import Iterator
from typing import Any, BinaryIO, Protocol

from core.errors import ScrutineerError, Unavailable

LINK_LASTS_S = 900
RECEIVED_AT_ONCE = 256 * 1024


class ManifestGone(ScrutineerError):
    """Deleted by lifecycle or by hand before its last line was read."""

    code, status, title = "manifest_gone", 410, "The manifest is no longer there"


class BatchObjects(Protocol):
    """What batches need of the bucket."""

    def put(self, key: str, content: BinaryIO, media_type: str) -> None:
        """Store the rest of `content`. Raises Unavailable."""

    def lines(self, key: str, start: int = 0) -> Iterator[bytes]:
        """The object's lines from byte `start` on, each with its line feed.

        Raises ManifestGone; Unavailable, also midway.
        """

    def delete(self, key: str) -> None:
        """One that is not there is removed already. Raises Unavailable."""

    def link(self, key: str, file_name: str) -> str:
        """An address at which whoever has it may fetch the object, under that name, for LINK_LASTS_S seconds."""


class S3BatchObjects:
    """Amazon S3 through boto3; `client` is a boto3 S3 client."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: str, content: BinaryIO, media_type: str) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=content, ContentType=media_type)
        except (BotoCoreError, ClientError) as error:
            raise _away() from error

    def lines(self, key: str, start: int = 0) -> Iterator[bytes]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            body = self._client.get_object(Bucket=self._bucket, Key=key, Range=f"bytes={start}-")["Body"]
            yield from split_lines(body.iter_chunks(RECEIVED_AT_ONCE))
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                raise ManifestGone("The manifest is no longer stored.") from error
            raise _away() from error
        except BotoCoreError as error:
            raise _away() from error

    def delete(self, key: str) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client.delete_object(Bucket=self._bucket, Key=key)
        except (BotoCoreError, ClientError) as error:
            raise _away() from error

    def link(self, key: str, file_name: str) -> str:
        named = {"ResponseContentDisposition": f'attachment; filename="{file_name}"'}
        link: str = self._client.generate_presigned_url(
            "get_object", Params={"Bucket": self._bucket, "Key": key, **named}, ExpiresIn=LINK_LASTS_S
        )
        return link


def split_lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Bytes cut anywhere as lines cut after each line feed alone: JSON Lines knows no other end of a line."""
    rest: list[bytes] = []
    for chunk in chunks:
        *ended, tail = chunk.split(b"\n")
        for end in ended:
            yield b"".join([*rest, end, b"\n"])
            rest = []
        rest.append(tail)
    last = b"".join(rest)
    if last:
        yield last


def _away() -> Unavailable:
    return Unavailable("Batches can't be stored or read at the moment.", retry_after_s=5)
