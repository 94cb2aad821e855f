"""What is unpacked, what is not, and what is left behind; the bucket is a folder."""

import gzip
import hashlib
import io
import json
import logging
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from model_source.archive import fetch
from model_source.errors import FetchError
from model_source.process import run
from model_source.settings import FetchSettings
from models.artifact import weights_digest

KEY = "models/7.tar.gz"
WEIGHTS = ("./model.safetensors", b"w" * 5000)
DIGEST = weights_digest({"model.safetensors": hashlib.sha256(WEIGHTS[1]).hexdigest()})


class FolderBucket:
    """Objects are files below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def download(self, key: str, to: Path) -> None:
        if not (self.folder / key).is_file():
            raise FetchError(f"MODEL_SOURCE: S3 answered 404 for {key}")
        shutil.copyfile(self.folder / key, to)

    def put(self, content: bytes) -> None:
        path = self.folder / KEY
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """A process of its own sends all logs to its standard output; here it is one of many tests."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    logging.getLogger("uvicorn.access").disabled = False


@pytest.fixture
def bucket(tmp_path: Path) -> FolderBucket:
    return FolderBucket(tmp_path / "bucket")


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    return tmp_path / "model"


def archive(*members: tuple[str, bytes], kind: bytes = tarfile.REGTYPE, linkname: str = "") -> bytes:
    """A .tar.gz of these names and contents."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size, member.type, member.linkname = len(content), kind, linkname
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def test_the_files_are_there_and_nothing_else(bucket: FolderBucket, model_dir: Path) -> None:
    bucket.put(archive(("config.json", b"{}"), WEIGHTS, ("deep/er/x", b"1")))

    identity = fetch(bucket, KEY, DIGEST, model_dir)
    found = {str(path.relative_to(model_dir)): path.read_bytes() for path in model_dir.rglob("*") if path.is_file()}
    assert found == {"config.json": b"{}", "model.safetensors": b"w" * 5000, "deep/er/x": b"1"}
    assert sorted(path.name for path in model_dir.iterdir()) == ["config.json", "deep", "model.safetensors"]
    assert (identity.name, identity.digest) == ("model", DIGEST)
    # Another user serves them.
    assert all(path.stat().st_mode & 0o004 for path in model_dir.rglob("*"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (archive(("../outside", b"x")), "leads out of it"),
        (archive(("/etc/outside", b"x")), "leads out of it"),
        (archive(("a/../../outside", b"x")), "leads out of it"),
        (archive(("link", b""), kind=tarfile.SYMTYPE, linkname="/etc/passwd"), "is no plain file"),
        (archive(("link", b""), kind=tarfile.LNKTYPE, linkname="/etc/passwd"), "is no plain file"),
        (archive(("pipe", b""), kind=tarfile.FIFOTYPE), "is no plain file"),
        (archive(("device", b""), kind=tarfile.CHRTYPE), "is no plain file"),
        (archive(WEIGHTS, WEIGHTS), "can't be unpacked"),
        (b"no archive", "can't be unpacked"),
        (gzip.compress(b"no archive" * 1000), "can't be unpacked"),
        (archive(WEIGHTS)[:40], "can't be unpacked"),
        (archive(("config.json", b"{}")), "holds no"),
        (archive(("model.safetensors", b"others")), "MODEL_DIGEST: these weights have the digest"),
        (archive(WEIGHTS, ("manifest.json", b"{}")), "manifest.json"),
    ],
    ids=[
        "parent",
        "absolute",
        "parent of a folder",
        "symbolic link",
        "hard link",
        "pipe",
        "device",
        "twice the same",
        "no archive",
        "gzip of no archive",
        "cut off",
        "no weights",
        "other weights",
        "empty manifest",
    ],
)
def test_a_bad_archive_leaves_nothing(bucket: FolderBucket, model_dir: Path, content: bytes, message: str) -> None:
    bucket.put(content)
    with pytest.raises(FetchError, match=f"^MODEL_SOURCE: .*{message}"):
        fetch(bucket, KEY, DIGEST, model_dir)
    assert list(model_dir.iterdir()) == []
    assert not (model_dir.parent / "outside").exists()


def test_what_is_in_the_folder_stays(bucket: FolderBucket, model_dir: Path) -> None:
    bucket.put(archive(WEIGHTS))
    model_dir.mkdir()
    (model_dir / "config.json").write_text("mine")
    with pytest.raises(FetchError, match="is not empty"):
        fetch(bucket, KEY, DIGEST, model_dir)
    assert (model_dir / "config.json").read_text() == "mine"


@pytest.mark.parametrize(
    ("environment", "setting"),
    [
        ({}, "MODEL_SOURCE"),
        ({"MODEL_SOURCE": "https://bucket/model.tar.gz"}, "MODEL_SOURCE"),
        ({"MODEL_SOURCE": "s3://bucket/model.zip"}, "MODEL_SOURCE"),
        ({"MODEL_SOURCE": "s3://bucket/model.tar.gz"}, "MODEL_DIGEST"),
        ({"MODEL_SOURCE": "s3://bucket/model.tar.gz", "MODEL_DIGEST": "A" * 64}, "MODEL_DIGEST"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(environment: dict[str, str], setting: str) -> None:
    with pytest.raises(FetchError, match=f"^{setting} must be"):
        FetchSettings.from_mapping(environment)


def test_the_scratch_folder_is_opened_for_another_user(bucket: FolderBucket, model_dir: Path, tmp_path: Path) -> None:
    bucket.put(archive(WEIGHTS))
    scratch = tmp_path / "scratch"
    scratch.mkdir(mode=0o755)
    asked = {"MODEL_SOURCE": f"s3://bucket/{KEY}", "MODEL_DIGEST": DIGEST, "MODEL_DIR": str(model_dir)}
    assert run(asked | {"SCRATCH_DIR": str(scratch)}, lambda name: bucket) == 0
    assert scratch.stat().st_mode & 0o7777 == 0o1777


def test_the_process_tells_in_one_line_how_it_went(
    bucket: FolderBucket, model_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket.put(archive(WEIGHTS))
    asked = {"MODEL_SOURCE": f"s3://bucket/{KEY}", "MODEL_DIGEST": DIGEST, "MODEL_DIR": str(model_dir)}
    another = asked | {"MODEL_SOURCE": "s3://bucket/none.tar.gz", "MODEL_DIR": f"{model_dir}2"}

    ended = [run(each, lambda name: bucket) for each in (asked, asked, asked | {"MODEL_DIR": "/proc/no"}, another, {})]

    assert ended == [0, 1, 1, 1, 1]
    first, *failed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (first["event"], first["digest"]) == ("fetched", DIGEST)
    assert {line["event"] for line in failed} == {"fetch_failed"}
    named = ["not empty", "/proc/no", "404", "MODEL_SOURCE must be"]
    assert [part in line["reason"] for part, line in zip(named, failed, strict=True)] == [True] * 4
