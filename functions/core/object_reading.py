"""Reading an object of any bucket, of no more than so many bytes."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

from core.errors import Unavailable

MISSING = ("NoSuchKey", "NoSuchBucket", "404")
DENIED = ("AccessDenied", "AllAccessDisabled", "InvalidObjectState", "KMS.DisabledException", "403")


class NoSuchObject(Exception):
    """There is none, or it may not be read: which of both is for S3 to know."""


class ObjectTooLarge(Exception):
    """It has more bytes than may be read."""


def read_object(
    client: Any,
    bucket: str,
    key: str,
    *,
    max_bytes: int,
    owner: str | None = None,
    claim: Callable[[int], None] = lambda size_bytes: None,
) -> bytes:
    """The object's bytes. `client` is a boto3 S3 client, `owner` the account that the bucket must belong to; `claim`
    hears the size before the body is read, and may raise.

    Raises NoSuchObject, ObjectTooLarge, Unavailable.
    """
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

    try:
        found = client.get_object(Bucket=bucket, Key=key, **({"ExpectedBucketOwner": owner} if owner else {}))
        with closing(found["Body"]) as body:
            size_bytes = int(found["ContentLength"])
            if size_bytes > max_bytes:
                raise ObjectTooLarge(str(size_bytes))
            claim(size_bytes)
            data: bytes = body.read()
    except ClientError as error:
        if error.response["Error"]["Code"] in (*MISSING, *DENIED):
            raise NoSuchObject from error
        raise Unavailable("Photos can't be read at the moment.", retry_after_s=5) from error
    except ParamValidationError as error:
        raise NoSuchObject from error
    except BotoCoreError as error:
        raise Unavailable("Photos can't be read at the moment.", retry_after_s=5) from error
    return data
