"""Photos that clients put into the bucket themselves, before they ask: too large for a request, or known early.

An upload is a key and a signature, and no row: whose it is stands in the key, and the bucket's lifecycle takes away
what was never used.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from core.contract import Upload, UploadType
from core.errors import PhotoTooLarge, Unavailable, UnknownUpload
from core.identifiers import is_identifier, new_identifier
from core.object_reading import NoSuchObject, ObjectTooLarge, read_object

MAX_PHOTO_BYTES = 20_000_000
EXPIRES_S = 900


def upload_key(client_id: str, upload_id: str) -> str:
    """Where an upload of the client lies; no other key can be written with its signature."""
    return f"uploads/{client_id}/{upload_id}"


class PhotoUploads:
    """The uploads in one bucket; `client` is a boto3 S3 client."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def open(self, client_id: str, media_types: Sequence[UploadType]) -> list[Upload]:
        """A place for one photo of each type: size, type and key are in the signed policy. Raises Unavailable."""
        expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=EXPIRES_S)
        return [self._open(client_id, media_type, expires_at) for media_type in media_types]

    def _open(self, client_id: str, media_type: UploadType, expires_at: datetime) -> Upload:
        from botocore.exceptions import BotoCoreError

        upload_id = new_identifier("upl")
        try:
            signed = self._client.generate_presigned_post(
                self._bucket,
                upload_key(client_id, upload_id),
                Fields={"Content-Type": media_type},
                Conditions=[{"Content-Type": media_type}, ["content-length-range", 1, MAX_PHOTO_BYTES]],
                ExpiresIn=EXPIRES_S,
            )
        except BotoCoreError as error:
            raise Unavailable("Uploads can't be signed at the moment.", retry_after_s=5) from error
        return Upload(
            upload_id=upload_id,
            url=signed["url"],
            fields=signed["fields"],
            media_type=media_type,
            max_bytes=MAX_PHOTO_BYTES,
            expires_at=expires_at,
        )

    def read(self, client_id: str, upload_id: str, field: str, claim: Callable[[int], None]) -> bytes:
        """What the client uploaded. Raises UnknownUpload, PhotoTooLarge, Unavailable, and what `claim` raises."""
        unknown = UnknownUpload("There is no such upload, or nothing has been uploaded to it.", field=field)
        if not is_identifier(upload_id, "upl"):
            raise unknown
        try:
            return read_object(
                self._client,
                self._bucket,
                upload_key(client_id, upload_id),
                max_bytes=MAX_PHOTO_BYTES,
                claim=claim,
            )
        except NoSuchObject as error:
            raise unknown from error
        except ObjectTooLarge as error:
            raise PhotoTooLarge(f"A photo may have {MAX_PHOTO_BYTES:,} bytes.", field=field) from error
