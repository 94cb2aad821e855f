"""The whole stack with `EndpointWay=asynchronous`, under the functions' roles."""

import dataclasses
from collections.abc import Iterator

import httpx
import pytest

from scrutineer.cli.stack import first_key
from scrutineer.local.stack import LocalStack
from tests.end_to_end.conftest import FAST
from tests.end_to_end.desk import sample_body

BUCKET = "scrutineer-inspectionbucket"


@pytest.fixture(scope="module")
def queued() -> Iterator[LocalStack]:
    settings = dataclasses.replace(FAST, parameters={"EndpointWay": "asynchronous"}, endpoint_cold_start_s=2)
    with LocalStack(settings) as running:
        yield running


@pytest.fixture(scope="module")
def http(queued: LocalStack) -> Iterator[httpx.Client]:
    headers = {"x-api-key": first_key(queued)}
    with httpx.Client(base_url=queued.url, headers=headers, timeout=40, trust_env=False) as client:
        yield client


def kept(stack: LocalStack) -> set[str]:
    listed = stack.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="asynchronous/")
    return {each["Key"].split("/")[1] for each in listed.get("Contents", [])}


def test_an_inspection_waits_for_the_endpoint_to_wake_and_leaves_no_photos_behind(
    queued: LocalStack, http: httpx.Client
) -> None:
    answered = http.post("/v1/inspections", json=sample_body(), headers={"Prefer": "wait=25"})
    assert answered.status_code == 200, answered.text
    inspection = answered.json()
    assert inspection["state"] == "passed"
    assert kept(queued) == {"answers"}
    assert not queued.roles.refused("InvokeFunction")


def test_descriptions_that_nobody_could_wait_for_are_not_offered(http: httpx.Client) -> None:
    photo = {"data": sample_body()["photos"][0]["data"]}
    answered = http.post("/v1/descriptions", json={"photos": [photo], "kind": "caption"})
    assert (answered.status_code, answered.json()["code"]) == (501, "not_offered")
