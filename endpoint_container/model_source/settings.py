"""What is fetched, and where it goes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from model_source.errors import FetchError

SOURCE = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.+\.tar\.gz)")
DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class FetchSettings:
    """An archive in S3, the digest that its weights must have, and the folder of the model's files."""

    bucket: str
    key: str
    digest: str
    model_dir: Path

    @classmethod
    def from_mapping(cls, environment: Mapping[str, str]) -> "FetchSettings":
        """Reads MODEL_SOURCE, MODEL_DIGEST and MODEL_DIR; raises FetchError on a value that can't be used."""
        source = SOURCE.fullmatch(environment.get("MODEL_SOURCE", ""))
        if source is None:
            raise FetchError("MODEL_SOURCE must be s3://BUCKET/KEY.tar.gz")
        digest = environment.get("MODEL_DIGEST", "")
        if not DIGEST.fullmatch(digest):
            raise FetchError("MODEL_DIGEST must be a sha256 in lower-case hex")
        return cls(source[1], source[2], digest, Path(environment.get("MODEL_DIR") or "/opt/ml/model"))
