"""A boto3 S3 client over dictionaries, for what is read of buckets and signed for them."""

from io import BytesIO
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.response import StreamingBody

from core.uploads import PhotoUploads

OWNER = "111122223333"


class InMemoryS3:
    """`objects` by (bucket, key); `codes` has the error that S3 answers for an object, `sizes` what it says of one's
    size where that is not so. Every bucket is OWNER's. `read` notes what was asked for."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}
        self.codes: dict[tuple[str, str], str] = {}
        self.sizes: dict[tuple[str, str], int] = {}
        self.read: list[tuple[str, str]] = []

    def get_object(self, *, Bucket: str, Key: str, ExpectedBucketOwner: str = OWNER) -> dict[str, Any]:
        place = (Bucket, Key)
        self.read.append(place)
        code = self.codes.get(place)
        if code is None and ExpectedBucketOwner != OWNER:
            code = "AccessDenied"
        if code is None and place not in self.objects:
            code = "NoSuchKey"
        if code is not None:
            raise ClientError({"Error": {"Code": code, "Message": ""}}, "GetObject")
        data = self.objects[place]
        size = self.sizes.get(place, len(data))
        return {"Body": StreamingBody(BytesIO(data), size), "ContentLength": size}

    def generate_presigned_post(self, *arguments: Any, **named: Any) -> Any:
        """By boto3 itself, which asks nobody for it."""
        client = boto3.client(
            "s3",
            region_name="ap-south-1",
            aws_access_key_id="x",
            aws_secret_access_key="y",
            config=Config(s3={"addressing_style": "virtual"}),
        )
        try:
            return client.generate_presigned_post(*arguments, **named)
        finally:
            client.close()


def photo_uploads() -> PhotoUploads:
    """To a bucket that nobody has."""
    return PhotoUploads(InMemoryS3(), "photos-bucket")
