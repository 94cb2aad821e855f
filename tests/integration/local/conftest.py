"""One running stack of the sample application for all of these tests."""

import json
import time
from pathlib import Path

import httpx
import pytest

from scrutineer.local.settings import StackSettings
from scrutineer.local.stack import LocalStack

SAMPLE = Path(__file__).parent / "sample"
BUCKET = "scrutineer-photobucket"


@pytest.fixture(scope="session")
def sample_settings(tmp_path_factory):
    return StackSettings(
        template=SAMPLE / "template.yaml",
        migrations=SAMPLE / "database",
        container_source=SAMPLE / "container",
        model_dir=tmp_path_factory.mktemp("model"),
        max_slots={"EchoFunction": 3},
        slot_wait_s=0.5,
        visibility_timeout_s={"StepQueue": 1},
        schedule_s={"TickFunctionEvery": 1.0},
        function_environment={"EchoFunction": {"EXTRA": "given"}},
    )


@pytest.fixture(scope="session")
def stack(sample_settings):
    with LocalStack(sample_settings) as running:
        yield running


@pytest.fixture(scope="session")
def s3(stack):
    return stack.client("s3")


@pytest.fixture
def client(stack):
    with httpx.Client(base_url=stack.url, headers={"x-api-key": "someone"}, timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
def seen(s3):
    """Waits until the step function has noted messages named `name`, and returns its notes in order."""

    def wait(name, count=1, limit_s=10.0):
        give_up = time.monotonic() + limit_s
        while True:
            keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{name}/").get("Contents", [])]
            notes = [json.loads(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()) for key in keys]
            if len(notes) >= count or time.monotonic() > give_up:
                return sorted(notes, key=lambda note: note["at"])
            time.sleep(0.02)

    return wait
