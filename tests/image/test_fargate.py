"""The image as infrastructure/fargate.yaml runs it: one container fetches the model, another serves it."""

import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.image.engine import Engine

HARDENED = ("--read-only", "--cap-drop", "ALL")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, artifact: Path) -> Path:
    path = tmp_path_factory.mktemp("archive") / "model.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for file in sorted(artifact.iterdir()):
            tar.add(file, file.name)
    return path


@pytest.fixture(scope="module")
def s3_url(archive: Path) -> Iterator[str]:
    """An S3 that has the archive as s3://models/demo.tar.gz."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    url = f"http://127.0.0.1:{port}"
    client = boto3.client(
        "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    client.create_bucket(Bucket="models")
    client.upload_file(str(archive), "models", "demo.tar.gz")
    yield url
    server.stop()


@pytest.fixture
def volumes(engine: Engine) -> Iterator[tuple[str, str]]:
    """Empty ones for the model and for temporary files. They belong to root, as Fargate's do."""
    model, scratch = (engine.run("volume", "create").strip() for _ in range(2))
    yield model, scratch
    engine.run("volume", "rm", "--force", model, scratch)


def fetching(s3_url: str, volumes: tuple[str, str], digest: str) -> list[str]:
    environment = {
        "MODEL_SOURCE": "s3://models/demo.tar.gz",
        "MODEL_DIGEST": digest,
        "SCRATCH_DIR": "/scratch",
        "AWS_ENDPOINT_URL_S3": s3_url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
    }
    told = [option for name, value in environment.items() for option in ("--env", f"{name}={value}")]
    mounted = ("--volume", f"{volumes[0]}:/opt/ml/model", "--volume", f"{volumes[1]}:/scratch")
    # The stand-in for S3 is on this machine.
    return ["--network", "host", *HARDENED, "--user", "0", *told, *mounted, "--entrypoint", "/opt/program/fetch"]


def test_what_is_fetched_is_served_by_another_user(
    engine: Engine, image: str, s3_url: str, artifact: Path, volumes: tuple[str, str], inspection: dict[str, Any]
) -> None:
    digest = printed_digest(artifact)
    with engine.container(image, fetching(s3_url, volumes, digest), ["fetch"]) as fetched:
        assert fetched.wait() == 0
        assert [line["event"] for line in fetched.log()] == ["fetched"]

    mounted = ("--volume", f"{volumes[0]}:/opt/ml/model:ro", "--volume", f"{volumes[1]}:/tmp")
    told = ("--env", f"MODEL_DIGEST={digest}", *mounted)
    serving = ["--network", "none", *HARDENED, "--user", "10001", *told]
    with engine.container(image, serving) as server:
        assert server.pings_until_ready()[-1].status == 200
        assert server.ask("POST", "/invocations", inspection).status == 200
        assert server.stop() == 0


def test_another_digest_serves_nothing(engine: Engine, image: str, s3_url: str, volumes: tuple[str, str]) -> None:
    with engine.container(image, fetching(s3_url, volumes, "0" * 64), ["fetch"]) as fetched:
        assert fetched.wait() == 1
        (line,) = fetched.log()
        assert "MODEL_DIGEST" in line["reason"]
    left = engine.run("run", "--rm", "--volume", f"{volumes[0]}:/model", "--entrypoint", "ls", image, "-A", "/model")
    assert left == ""


def printed_digest(folder: Path) -> str:
    """As docs/deploy.md has an operator find it."""
    command = "LC_ALL=C sha256sum *.safetensors | sha256sum"
    done = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.split()[0]
