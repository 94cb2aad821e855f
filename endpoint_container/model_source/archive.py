"""From an archive in a bucket to files in a folder: unpacked and verified beside it, then all of it at once."""

import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from model_source.bucket import Bucket
from model_source.errors import FetchError
from models.artifact import verify
from models.errors import LoadError
from models.interface import ModelIdentity

# Beside the files that it becomes, so that moving them there costs nothing.
WORK = ".fetching"


def fetch(bucket: Bucket, key: str, digest: str, model_dir: Path) -> ModelIdentity:
    """Fill an empty `model_dir` with the archive's files and say which model they are.

    What the server would refuse is not put there: weights of another digest, files that the manifest does not vouch
    for. Raises FetchError, and then leaves the folder empty.
    """
    model_dir.mkdir(parents=True, exist_ok=True)
    if any(model_dir.iterdir()):
        raise FetchError(f"MODEL_DIR: {model_dir} is not empty")
    work = model_dir / WORK
    work.mkdir()
    try:
        archive, files = work / "archive", work / model_dir.name
        bucket.download(key, archive)
        unpack(archive, files)
        try:
            identity = verify(files, digest)
        except LoadError as error:
            raise FetchError(f"MODEL_SOURCE: {error}") from error
        for path in files.iterdir():
            path.rename(model_dir / path.name)
    finally:
        shutil.rmtree(work)
    return identity


def unpack(archive: Path, into: Path) -> None:
    """Write the files of a .tar.gz below a new folder; raises FetchError.

    Only folders and plain files, none of them outside of `into`: no link, no device, no owner, no mode.
    """
    into.mkdir()
    try:
        with tarfile.open(archive, "r:gz") as members:
            for member in members:
                path = into / inner_path(member.name)
                if member.isdir():
                    path.mkdir(parents=True, exist_ok=True)
                    continue
                content = members.extractfile(member) if member.isreg() else None
                if content is None:
                    raise FetchError(f"MODEL_SOURCE: {member.name!r} in the archive is no plain file")
                path.parent.mkdir(parents=True, exist_ok=True)
                with content, path.open("xb") as file:
                    shutil.copyfileobj(content, file, 1024 * 1024)
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise FetchError(f"MODEL_SOURCE: the archive can't be unpacked ({type(error).__name__})") from error


def inner_path(name: str) -> PurePosixPath:
    """A member's path below the folder that it is unpacked to."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise FetchError(f"MODEL_SOURCE: {name!r} in the archive leads out of it")
    return path
