"""The adapter against the stand-in for SageMaker's asynchronous runtime: the real bucket, a real container process."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from core.asynchronous_endpoint import AsynchronousEndpoint
from core.endpoint import EndpointUnavailable
from core.storage import S3ObjectStore, call_key, request_key
from scrutineer.local.asynchronous_runtime import create_app
from scrutineer.local.aws_services import make_client
from scrutineer.local.http_server import HttpServer
from scrutineer.local.ports import free_port
from tests.integration.local.conftest import BUCKET

NAME = "queue"


class Impatient:
    """A clock of which a second is a hundredth: what would wait for a minute is over in a half."""

    def now(self) -> float:
        return time.monotonic() * 100

    def sleep(self, pause_s: float) -> None:
        time.sleep(pause_s / 100)


@contextmanager
def runtime(s3, endpoint_url: str, cold_start_s: float = 0.0) -> Iterator[Any]:
    server = HttpServer(create_app(NAME, endpoint_url, s3=s3, cold_start_s=cold_start_s), name="asynchronous")
    server.start()
    client = make_client("sagemaker-runtime", server.url)
    try:
        yield client
    finally:
        client.close()
        server.stop()


def endpoint(client, s3, clock=None) -> AsynchronousEndpoint:
    paced = {"clock": clock.now, "sleep": clock.sleep} if clock else {}
    return AsynchronousEndpoint(client, NAME, S3ObjectStore(s3, BUCKET), BUCKET, **paced)


def keys(s3) -> list[str]:
    return [each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET, Prefix="asynchronous/").get("Contents", [])]


def test_an_answer_comes_by_the_bucket(stack, s3):
    with runtime(s3, stack.endpoint_url) as client:
        answered = endpoint(client, s3).invoke(b"{}", "insp_1")
    assert json.loads(answered.data)["model"] == str(stack.settings.model_dir)
    assert answered.served_by == "sagemaker:queue"
    assert not {request_key("insp_1"), call_key("insp_1")} & set(keys(s3))


def test_an_error_of_the_container_is_a_failure(stack, s3):
    with runtime(s3, stack.endpoint_url) as client, pytest.raises(EndpointUnavailable) as told:
        endpoint(client, s3).invoke(b'{"status": 500}', "insp_500")
    assert told.value.attempted
    assert call_key("insp_500") not in keys(s3)


def test_what_sleeps_is_asked_once_and_waited_for_again_and_again(stack, s3):
    before = set(keys(s3))
    told = []
    with runtime(s3, stack.endpoint_url, cold_start_s=1.5) as client:
        give_up = time.monotonic() + 30
        while time.monotonic() < give_up:
            try:
                answered = endpoint(client, s3, Impatient()).invoke(b"{}", "insp_slow")
                break
            except EndpointUnavailable as error:
                told.append(error.awaited)
    assert set(told) == {True}
    assert json.loads(answered.data)["model"]
    (left,) = set(keys(s3)) - before
    assert left.startswith("asynchronous/answers/"), "one call, one answer"


def test_a_container_that_is_away_is_waited_for(s3):
    nobody = f"http://127.0.0.1:{free_port()}"
    with runtime(s3, nobody) as client, pytest.raises(EndpointUnavailable) as told:
        endpoint(client, s3, Impatient()).invoke(b"{}", "insp_away")
    assert told.value.awaited


def test_it_answers_nobody_at_once_and_knows_only_itself(stack, s3):
    with runtime(s3, stack.endpoint_url) as client:
        with pytest.raises(ClientError, match="only takes asynchronous"):
            client.invoke_endpoint(EndpointName=NAME, Body=b"{}")
        with pytest.raises(ClientError, match="not found"):
            client.invoke_endpoint_async(EndpointName="another", InputLocation=f"s3://{BUCKET}/x")
        taken = client.invoke_endpoint_async(EndpointName=NAME, InputLocation=f"s3://{BUCKET}/nothing")
        assert failure(s3, taken["FailureLocation"]) == b"The request is not in S3."
        url = f"{client.meta.endpoint_url}/endpoints/{NAME}/async-invocations"
        assert httpx.post(url, trust_env=False).status_code == 400


def failure(s3, location):
    key = location.removeprefix(f"s3://{BUCKET}/")
    give_up = time.monotonic() + 10
    while key not in keys(s3):
        assert time.monotonic() < give_up
        time.sleep(0.02)
    return s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
