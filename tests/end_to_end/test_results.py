"""What becomes of a result: archived as it was shown, readable while the database is away, reused where asked for."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from scrutineer.local.stack import LocalStack

PATIENCE_S = 20


def archived(stack: LocalStack, inspection: dict[str, Any]) -> dict[str, Any]:
    """The archive's object, as soon as it is there."""
    s3, bucket = stack.client("s3"), stack.template.buckets["InspectionBucket"].name
    end = time.monotonic() + PATIENCE_S
    while True:
        listed = s3.list_objects_v2(Bucket=bucket, Prefix="results/").get("Contents", [])
        keys = [entry["Key"] for entry in listed if entry["Key"].endswith(f"/{inspection['id']}.json")]
        if keys:
            (key,) = keys
            assert key.split("/")[2:5] == inspection["finished_at"][:10].split("-")
            found: dict[str, Any] = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
            return found
        assert time.monotonic() < end, f"{inspection['id']} is not in the archive"
        time.sleep(0.2)


def wait_for(client: httpx.Client, body: dict[str, Any]) -> dict[str, Any]:
    answer = client.post("/v1/inspections", json=body, headers={"Prefer": "wait=25"})
    assert answer.status_code == 200, answer.text
    inspection: dict[str, Any] = answer.json()
    return inspection


@pytest.fixture
def reusing(client: httpx.Client) -> Iterator[None]:
    me = client.get("/v1/me").json()["client_id"]
    assert client.patch(f"/v1/admin/clients/{me}", json={"reuse_window_s": 3600}).status_code == 200
    yield
    client.patch(f"/v1/admin/clients/{me}", json={"reuse_window_s": None})


def test_every_end_is_archived_as_it_was_shown(stack: LocalStack, client: httpx.Client, body: dict[str, Any]) -> None:
    judged = wait_for(client, body)
    body["photos"] = body["photos"][:1] * 2 + body["photos"][1:]  # twice the same photo
    rejected = wait_for(client, body)
    assert rejected["state"] == "rejected"
    for inspection in (judged, rejected):
        assert archived(stack, inspection) == inspection
    erased = client.delete(f"/v1/inspections/{judged['id']}").json()
    assert erased["photos_deleted_at"] is not None
    assert archived(stack, judged) == judged


def test_a_verdict_is_reused(
    client: httpx.Client, body: dict[str, Any], stored: Callable[..., list[tuple[Any, ...]]], reusing: None
) -> None:
    body["item"]["description"] = "red shoe of the reuse test"
    first = wait_for(client, body)
    second = wait_for(client, body | {"reference": "the same parcel again"})
    assert (first["reused_from"], second["reused_from"]) == (None, first["id"])
    assert second["id"] != first["id"]
    assert second["verdict"]["answers"] == first["verdict"]["answers"]
    assert second["photos"][0]["quality"] == first["photos"][0]["quality"]
    states = stored("SELECT state FROM inspection_events WHERE inspection_id = %s ORDER BY sequence", (second["id"],))
    assert states == [("accepted",), (first["state"],)]
    body["item"]["description"] = "blue shoe of the reuse test"
    assert wait_for(client, body)["reused_from"] is None


def test_results_are_read_while_the_database_is_away(
    stack: LocalStack, client: httpx.Client, body: dict[str, Any], final: Callable[..., dict[str, Any]]
) -> None:
    inspection = wait_for(client, body)
    archived(stack, inspection)
    path = f"/v1/inspections/{inspection['id']}"
    assert "x-served-from" not in client.get(path).headers
    stack.database_server.stop()
    try:
        answer = client.get(path)
        assert (answer.status_code, answer.headers.get("x-served-from")) == (200, "archive"), answer.text
        assert answer.json() == inspection
        unknown = client.get(path[:-4] + "aaaa")
        assert (unknown.status_code, unknown.json()["code"]) == (503, "unavailable")
        assert client.post("/v1/inspections", json=body).status_code == 503
    finally:
        stack.database_server.start()
    assert final(inspection["id"]) == inspection
