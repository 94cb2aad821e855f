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
    """An archive in S3, the digest that its weights must have, and the folder of the model's files.

    The scratch folder, if there is one, is made writable for everyone, as /tmp is: the server may be another user.
    """

    bucket: str
    key: str
    digest: str
    model_dir: Path
    scratch_dir: Path | None

    @classmethod
    def from_mapping(cls, environment: Mapping[str, str]) -> "FetchSettings":
        """Reads MODEL_SOURCE, MODEL_DIGEST, MODEL_DIR and SCRATCH_DIR; raises FetchError on a bad value."""
        source = SOURCE.fullmatch(environment.get("MODEL_SOURCE", ""))
        if source is None:
            raise FetchError("MODEL_SOURCE must be s3://BUCKET/KEY.tar.gz")
        digest = environment.get("MODEL_DIGEST", "")
        if not DIGEST.fullmatch(digest):
            raise FetchError("MODEL_DIGEST must be a sha256 in lower-case hex")
        model_dir = Path(environment.get("MODEL_DIR") or "/opt/ml/model")
        scratch = environment.get("SCRATCH_DIR")
        return cls(source[1], source[2], digest, model_dir, Path(scratch) if scratch else None)
