"""Photos that lie in a bucket of the business: `s3://bucket/key`."""

import re
from collections.abc import Callable, Collection
from typing import Any

from core.errors import InvalidPhoto, PhotoTooLarge, UnsafeAddress
from core.object_reading import NoSuchObject, ObjectTooLarge, read_object
from core.uploads import MAX_PHOTO_BYTES

SCHEME = "s3://"
_LOCATION = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(?P<key>[^\x00-\x1f\x7f]{1,1024})")


class PhotoBuckets:
    """The buckets that may be named, all of one account. `client` is a boto3 S3 client.

    The service reads them with its own right, for whoever asks. So a client reaches only the keys that begin with its
    own id, or one client could have another's photos described to it.
    """

    def __init__(self, client: Any, buckets: Collection[str], owner: str) -> None:
        self._client = client
        self._buckets = frozenset(buckets)
        self._owner = owner

    def locate(self, url: str, client_id: str, field: str) -> tuple[str, str]:
        """Bucket and key. Raises UnsafeAddress."""
        found = _LOCATION.fullmatch(url)
        if found is None:
            raise UnsafeAddress("The address must be s3://bucket/key.", field=field)
        bucket, key = found["bucket"], found["key"]
        if bucket not in self._buckets:
            raise UnsafeAddress("This bucket is none that photos are read from.", field=field)
        if not key.startswith(f"{client_id}/") or {".", ".."} & set(key.split("/")):
            raise UnsafeAddress(f"The key must begin with {client_id}/.", field=field)
        return bucket, key

    def read(self, location: tuple[str, str], field: str, claim: Callable[[int], None]) -> bytes:
        """Raises InvalidPhoto, PhotoTooLarge, Unavailable, and what `claim` raises."""
        bucket, key = location
        try:
            return read_object(
                self._client, bucket, key, max_bytes=MAX_PHOTO_BYTES, owner=self._owner or None, claim=claim
            )
        except NoSuchObject as error:
            raise InvalidPhoto("There is no such object, or it may not be read.", field=field) from error
        except ObjectTooLarge as error:
            raise PhotoTooLarge(f"A photo may have {MAX_PHOTO_BYTES:,} bytes.", field=field) from error
