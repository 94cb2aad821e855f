"""A manifest in at the gateway, its results at a link: through the real queues, functions, bucket and container."""

import csv
import io
import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest

from scrutineer.local.stack import LocalStack
from tests.end_to_end.desk import Desk, sample_body

Stored = Callable[..., list[tuple[Any, ...]]]
BAD = {4: "not_json", 9: "invalid_request"}


def line(number: int, **changes: Any) -> str:
    return json.dumps({**sample_body(), "custom_id": f"line {number}", "reference": None, **changes})


def manifest(lines: int, bad: dict[int, str] | None = None) -> str:
    spoilt = {"not_json": "{", "invalid_request": json.dumps({"custom_id": "line 9", "photos": []})}
    return "\n".join(spoilt[bad[number]] if bad and number in bad else line(number) for number in range(1, lines + 1))


def ended(client: httpx.Client, batch_id: str, within_s: float = 120) -> dict[str, Any]:
    end = time.monotonic() + within_s
    while True:
        batch: dict[str, Any] = client.get(f"/v1/batches/{batch_id}").json()
        if batch.get("finished_at"):
            return batch
        assert time.monotonic() < end, batch
        time.sleep(0.3)


def test_twelve_lines_with_two_bad_ones(client: httpx.Client) -> None:
    headers = {"Idempotency-Key": "twelve-lines"}
    request = {"name": "night of the 21st", "manifest": manifest(12, BAD)}
    answer = client.post("/v1/batches", json=request, headers=headers)
    assert answer.status_code == 202, answer.text
    batch_id = answer.json()["id"]
    assert client.post("/v1/batches", json=request, headers=headers).json()["id"] == batch_id
    assert client.post("/v1/batches", json=request | {"name": "x"}, headers=headers).status_code == 409
    early = client.get(f"/v1/batches/{batch_id}/results")
    assert early.status_code == 409

    batch = ended(client, batch_id)
    counts = batch["counts"]
    assert (batch["state"], batch["progress"]) == ("finished", 1.0)
    assert (counts["lines"], counts["read"], counts["refused"], counts["final"]) == (12, 12, 2, 10)
    assert client.get("/v1/batches").json()["batches"][0]["id"] == batch_id

    first = client.get(f"/v1/batches/{batch_id}/items", params={"limit": 7}).json()
    second = client.get(f"/v1/batches/{batch_id}/items", params={"limit": 7, "cursor": first["next_cursor"]}).json()
    items = first["items"] + second["items"]
    assert [item["line"] for item in items] == list(range(1, 13))
    assert {item["line"]: item["code"] for item in items if item["state"] == "refused"} == BAD
    assert items[8]["custom_id"] == "line 9"
    assert items[8]["detail"].startswith("Line 9: ")
    refused = client.get(f"/v1/batches/{batch_id}/items", params={"state": "refused"}).json()["items"]
    assert [item["line"] for item in refused] == list(BAD)
    inspection = client.get(f"/v1/inspections/{items[0]['inspection_id']}").json()
    assert (inspection["lane"], inspection["final"]) == ("bulk", True)

    links = client.get(f"/v1/batches/{batch_id}/results").json()
    lines = [json.loads(each) for each in httpx.get(links["jsonl"], trust_env=False).text.splitlines()]
    assert [each["line"] for each in lines] == list(range(1, 13))
    assert lines[0]["inspection"] == inspection
    assert {each["line"]: each["error"]["code"] for each in lines if each["error"]} == BAD
    rows = list(csv.DictReader(io.StringIO(httpx.get(links["csv"], trust_env=False).text, newline="")))
    assert [row["state"] for row in rows] == [item["state"] for item in items]
    assert rows[2]["custom_id"] == "line 3"


def test_a_cancelled_batch_comes_to_its_end(client: httpx.Client, stored: Stored) -> None:
    batch_id = client.post("/v1/batches", json={"manifest": manifest(12)}).json()["id"]
    cancelled = client.post(f"/v1/batches/{batch_id}/cancel")
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    batch = ended(client, batch_id)
    assert batch["state"] == "cancelled"
    assert batch["counts"]["unfinished"] == 0
    assert client.post(f"/v1/batches/{batch_id}/cancel").status_code == 200
    lines = httpx.get(client.get(f"/v1/batches/{batch_id}/results").json()["jsonl"], trust_env=False).text
    assert len(lines.splitlines()) == batch["counts"]["read"]
    inspections = stored("SELECT COUNT(*) FROM rvpxbverification_request_data WHERE batch_id = %s", (batch_id,))
    assert inspections[0][0] == batch["counts"]["read"]


def test_the_reader_killed_while_it_reads(stack: LocalStack, client: httpx.Client, stored: Stored) -> None:
    batch_id = client.post("/v1/batches", json={"manifest": manifest(18)}).json()["id"]
    killed = 0
    end = time.monotonic() + 60
    while killed < 3 and time.monotonic() < end:
        read = stored("SELECT COUNT(*) FROM batch_items WHERE batch_id = %s", (batch_id,))[0][0]
        for slot in stack.functions["SpreadFunction"].slots():
            if slot.busy and read > 4 * killed:
                with suppress(ProcessLookupError):
                    os.kill(slot.pid, signal.SIGKILL)
                    killed += 1
        if read == 18:
            break
        time.sleep(0.01)
    assert killed, "the test killed nobody"
    batch = ended(client, batch_id)
    assert (batch["state"], batch["counts"]["final"]) == ("finished", 18)
    rows = stored("SELECT idempotency_key FROM rvpxbverification_request_data WHERE batch_id = %s", (batch_id,))
    assert len({row[0] for row in rows}) == len(rows) == 18


@pytest.mark.parametrize("lines", [0, 10_001])
def test_manifests_that_are_refused_as_a_whole(client: httpx.Client, lines: int) -> None:
    answer = client.post("/v1/batches", json={"manifest": "{}\n" * lines})
    assert answer.status_code == (413 if lines else 400), answer.text
    assert answer.json()["field"] == "manifest"


def test_another_clients_batch_is_unknown(client: httpx.Client, desk: Desk) -> None:
    other = desk.key(desk.client("Other batches")).secret
    batch_id = desk.send("POST", "/v1/batches", {"manifest": "{}"}, x_api_key=other).json()["id"]
    for method, path in (("GET", ""), ("GET", "/items"), ("GET", "/results"), ("POST", "/cancel")):
        assert client.request(method, f"/v1/batches/{batch_id}{path}").status_code == 404
