"""The main job through every real part: HTTP in, verdict out, the row in MySQL."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx

from scrutineer.local.settings import ROOT
from scrutineer.local.stack import LocalStack

PHOTOS = ROOT / "events" / "photos"


def scrutineer(stack: LocalStack, key: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scrutineer", *arguments],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "SCRUTINEER_URL": stack.url, "SCRUTINEER_API_KEY": key, "COLUMNS": "100"},
        timeout=90,
        check=False,
    )


def inspect_arguments(names: list[str], item: str) -> list[str]:
    return ["inspect", *(str(PHOTOS / name) for name in names), "--item", item, "--checklist", "reverse-pickup"]


def test_a_good_return_passes_and_says_why(stack: LocalStack, key: str) -> None:
    photos = [f"red-shoe-good-{number}.jpg" for number in (1, 2, 3, 4)]
    done = scrutineer(stack, key, *inspect_arguments(photos, "red shoe"), "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    inspection = json.loads(done.stdout)
    assert inspection["state"] == "passed"
    answers = {answer["question_id"]: answer for answer in inspection["verdict"]["answers"]}
    assert answers["kind"]["answer"] == "shoe"
    assert answers["damaged"]["answer"] == "no"
    assert all(abs(sum(answer["probabilities"].values()) - 1) < 1e-3 for answer in answers.values())
    assert inspection["verdict"]["model"]["name"] == "demo-internvl"
    assert {"precheck", "invoke", "format", "total"} <= set(inspection["timings_ms"])
    assert all(photo["quality"]["verdict"] == "usable" for photo in inspection["photos"])


def test_a_damaged_return_fails(stack: LocalStack, key: str) -> None:
    photos = [f"blue-bag-damaged-{number}.jpg" for number in (1, 2, 3, 4)]
    done = scrutineer(stack, key, *inspect_arguments(photos, "blue bag"))
    assert done.returncode == 3, done.stdout + done.stderr
    assert "FAILED" in done.stdout
    assert "Is the item damaged?" in done.stdout


def test_a_spoilt_photo_is_rejected_with_a_hint_before_any_gpu(stack: LocalStack, key: str) -> None:
    photos = ["red-shoe-good-1.jpg", "red-shoe-good-2.jpg", "spoilt-blurred.jpg"]
    done = scrutineer(stack, key, *inspect_arguments(photos, "red shoe"))
    assert done.returncode == 5, done.stdout + done.stderr
    assert "Photo 3: The photo is blurred." in " ".join(done.stdout.replace("│", " ").split())


def test_the_record_is_stored_once_and_readable_again(
    client: httpx.Client, body: dict[str, Any], stored: Callable[..., list[tuple[Any, ...]]]
) -> None:
    answer = client.post("/v1/inspections", json=body, headers={"Prefer": "wait=25"})
    assert answer.status_code == 200, answer.text
    inspection = answer.json()
    assert answer.headers["location"] == f"/v1/inspections/{inspection['id']}"
    assert client.get(f"/v1/inspections/{inspection['id']}").json() == inspection
    listed = client.get("/v1/inspections", params={"limit": 1}).json()
    assert listed["inspections"] == [inspection]
    rows = stored("SELECT outcome FROM rvpxbverification WHERE inspection_id = %s", (inspection["id"],))
    assert rows == [(inspection["state"],)]


def test_respond_async_answers_at_once_and_the_verdict_follows(
    client: httpx.Client, body: dict[str, Any], final: Callable[..., dict[str, Any]]
) -> None:
    answer = client.post("/v1/inspections", json=body, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "respond-async"
    assert answer.json()["final"] is False
    assert final(answer.json()["id"])["verdict"] is not None


def test_the_same_idempotency_key_leads_to_the_same_inspection(client: httpx.Client, body: dict[str, Any]) -> None:
    headers = {"Idempotency-Key": "waybill-17", "Prefer": "respond-async"}
    first = client.post("/v1/inspections", json=body, headers=headers).json()
    again = client.post("/v1/inspections", json=body, headers=headers).json()
    assert again["id"] == first["id"]
    body["item"]["description"] = "blue bag"
    other = client.post("/v1/inspections", json=body, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")


def test_the_document_and_its_page_are_open(stack: LocalStack) -> None:
    document = httpx.get(f"{stack.url}/v1/openapi.json", trust_env=False)
    assert document.json()["openapi"].startswith("3.")
    page = httpx.get(f"{stack.url}/v1/docs", trust_env=False)
    assert page.headers["content-type"].startswith("text/html")
    assert "SwaggerUIBundle" in page.text
