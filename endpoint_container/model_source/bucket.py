"""The archive's way out of S3."""

from pathlib import Path
from typing import Protocol

from model_source.errors import FetchError


class Bucket(Protocol):
    """Where archives are kept."""

    def download(self, key: str, to: Path) -> None:
        """Writes the object's content to a file that is not there yet; raises FetchError."""


class S3Bucket:
    """A bucket, by the credentials that boto3 finds; of a task on ECS, those of its role."""

    def __init__(self, name: str) -> None:
        self._name = name

    def download(self, key: str, to: Path) -> None:
        import boto3
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            # In parts, each of them tried again by itself.
            boto3.client("s3").download_file(self._name, key, str(to))
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            raise FetchError(f"MODEL_SOURCE: S3 answered {status} for s3://{self._name}/{key}") from error
        except (BotoCoreError, Boto3Error) as error:
            raise FetchError(f"MODEL_SOURCE: S3 can't be asked ({type(error).__name__})") from error
