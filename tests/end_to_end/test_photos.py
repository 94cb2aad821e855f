"""Photos handed in every way that there is, through the gateway to the verdict."""

import base64
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from core.uploads import MAX_PHOTO_BYTES
from scrutineer.local.settings import ROOT
from scrutineer.local.stack import LocalStack
from scrutineer.local.template_model import REGION
from tests.end_to_end.conftest import PHOTO_BUCKET
from tests.end_to_end.desk import Desk
from tests.fakes.http_endpoint import HttpEndpoint

Body = dict[str, Any]
PREFER = {"Prefer": "wait=25"}


@pytest.fixture
def datas(body: Body) -> list[bytes]:
    """The sample's photos as bytes."""
    return [base64.b64decode(each["data"]) for each in body["photos"]]


@pytest.fixture(scope="module")
def own_id(client: httpx.Client) -> str:
    client_id: str = client.get("/v1/me").json()["client_id"]
    return client_id


@pytest.fixture(scope="module")
def bucket(stack: LocalStack) -> Iterator[Any]:
    """The business's own bucket."""
    s3 = stack.client("s3")
    s3.create_bucket(Bucket=PHOTO_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    yield s3
    s3.close()


def uploaded(client: httpx.Client, datas: list[bytes], **asked: Any) -> list[str]:
    uploads = client.post("/v1/uploads", json={"count": len(datas), **asked}).json()["uploads"]
    for upload, data in zip(uploads, datas, strict=True):
        assert post(upload, data).status_code == 204
    return [upload["upload_id"] for upload in uploads]


def post(upload: Body, data: bytes, **fields: str) -> httpx.Response:
    return httpx.post(
        upload["url"], data={**upload["fields"], **fields}, files={"file": ("photo", data)}, trust_env=False
    )


@pytest.fixture
def ways(
    client: httpx.Client, body: Body, datas: list[bytes], bucket: Any, own_id: str, receiver: HttpEndpoint
) -> dict[str, list[Body]]:
    """The same photos, handed in as each way has it."""
    for index, data in enumerate(datas):
        bucket.put_object(Bucket=PHOTO_BUCKET, Key=f"{own_id}/{index}.jpg", Body=data)
        receiver.files[f"/{index}.jpg"] = data
    return {
        "inline": body["photos"],
        "uploads": [{"upload_id": upload_id} for upload_id in uploaded(client, datas)],
        "s3": [{"url": f"s3://{PHOTO_BUCKET}/{own_id}/{index}.jpg"} for index in range(len(datas))],
        "web": [{"url": f"{receiver.url}/{index}.jpg"} for index in range(len(datas))],
    }


def test_every_way_leads_to_the_same_verdict(client: httpx.Client, body: Body, ways: dict[str, list[Body]]) -> None:
    found = {}
    for way, photos in ways.items():
        answer = client.post("/v1/inspections", json={**body, "photos": photos}, headers=PREFER)
        assert answer.status_code == 200, f"{way}: {answer.text}"
        inspection = answer.json()
        found[way] = (inspection["state"], [photo["sha256"] for photo in inspection["photos"]])
    assert len({json.dumps(each) for each in found.values()}) == 1, found
    assert found["inline"][0] in ("passed", "failed", "review")


def test_a_batch_takes_photos_in_every_way(client: httpx.Client, body: Body, ways: dict[str, list[Body]]) -> None:
    lines = [json.dumps({**body, "custom_id": way, "photos": photos}) for way, photos in ways.items()]
    answer = client.post("/v1/batches", json={"manifest": "\n".join(lines)})
    assert answer.status_code == 202, answer.text
    batch_id, end = answer.json()["id"], time.monotonic() + 60
    while not client.get(f"/v1/batches/{batch_id}").json()["finished_at"]:
        assert time.monotonic() < end
        time.sleep(0.3)
    links = client.get(f"/v1/batches/{batch_id}/results").json()
    found = [json.loads(each) for each in httpx.get(links["jsonl"], trust_env=False).text.splitlines()]
    assert [each["error"] for each in found] == [None] * len(ways)
    photos = {json.dumps([photo["sha256"] for photo in each["inspection"]["photos"]]) for each in found}
    states = {each["inspection"]["state"] for each in found}
    assert (len(photos), len(states)) == (1, 1)
    assert states < {"passed", "failed", "review"}


def test_retry_by_another_way_is_the_same_request(client: httpx.Client, body: Body, datas: list[bytes]) -> None:
    names = [photo.get("name") for photo in body["photos"]]
    uploads = [
        {"upload_id": upload_id, "name": name} for upload_id, name in zip(uploaded(client, datas), names, strict=True)
    ]
    headers = {"Prefer": "respond-async", "Idempotency-Key": "by-another-way"}
    first = client.post("/v1/inspections", json=body, headers=headers).json()["id"]
    assert client.post("/v1/inspections", json={**body, "photos": uploads}, headers=headers).json()["id"] == first


def test_another_clients_upload_is_an_unknown_one(
    client: httpx.Client, desk: Desk, body: Body, datas: list[bytes]
) -> None:
    (theirs,) = uploaded(client, datas[:1])
    ours = desk.key(desk.client("Somebody else")).secret
    answers = []
    for upload_id in (theirs, "upl_" + "b" * 26, "upl_x"):
        photos = [*body["photos"][:2], {"upload_id": upload_id}]
        answer = desk.send("POST", "/v1/inspections", {**body, "photos": photos}, x_api_key=ours)
        problem = answer.json()
        answers.append((answer.status_code, problem["code"], problem["field"], problem["detail"]))
    assert set(answers) == {(400, "unknown_upload", "photos[2].upload_id", answers[0][3])}


@pytest.mark.parametrize(
    ("photo", "code"),
    [
        ({"url": "https://169.254.169.254/latest/meta-data/"}, "unsafe_address"),
        ({"url": "https://[::ffff:127.0.0.1]/"}, "unsafe_address"),
        ({"url": "https://2130706433/"}, "unsafe_address"),
        ({"url": "http://127.0.0.1:1/"}, "unsafe_address"),
        ({"url": "https://localhost/"}, "unsafe_address"),
        ({"url": "https://user@photos.example.com/"}, "unsafe_address"),
        ({"url": "s3://somebodys-bucket/a"}, "unsafe_address"),
        ({"url": f"s3://{PHOTO_BUCKET}/client_other/a"}, "unsafe_address"),
        ({"url": "https://a.example/", "upload_id": "upl_x"}, "invalid_request"),
        ({}, "invalid_request"),
    ],
)
def test_what_leads_elsewhere_is_refused(client: httpx.Client, body: Body, photo: Body, code: str) -> None:
    answer = client.post("/v1/inspections", json={**body, "photos": [*body["photos"][:2], photo]})
    assert (answer.status_code, answer.json()["code"]) == (400, code), answer.text
    assert answer.json()["field"].startswith("photos[2]")


def test_the_bucket_takes_what_was_signed_and_nothing_else(client: httpx.Client, datas: list[bytes]) -> None:
    uploads = client.post("/v1/uploads", json={"count": 1}).json()["uploads"]
    (upload,) = uploads
    assert post(upload, b"x" * (MAX_PHOTO_BYTES + 1)).status_code == 400
    assert post(upload, b"").status_code == 400
    assert post(upload, datas[0], **{"Content-Type": "text/html"}).status_code == 403
    assert post(upload, datas[0], key="photos/insp_other/0").status_code == 403
    assert post(upload, datas[0]).status_code == 204


def test_the_command_uploads_what_a_request_cannot_hold(stack: LocalStack, key: str, tmp_path: Path) -> None:
    """Photos of some 2.5 MB each."""
    paths = []
    for number in range(1, 4):
        photo = Image.open(ROOT / f"events/photos/red-shoe-good-{number}.jpg").resize((4000, 3000))
        noisy = Image.blend(photo, Image.effect_noise(photo.size, 40).convert("RGB"), 0.1)
        buffer = io.BytesIO()
        noisy.save(buffer, "JPEG", quality=92)
        paths.append(tmp_path / f"{number}.jpg")
        paths[-1].write_bytes(buffer.getvalue())
    assert sum(path.stat().st_size for path in paths) > 4_500_000
    done = subprocess.run(
        [sys.executable, "-m", "scrutineer", "inspect", *map(str, paths), "--item", "red shoe", "--json"],
        env={**os.environ, "SCRUTINEER_URL": stack.url, "SCRUTINEER_API_KEY": key},
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.stdout, done.stderr
    inspection = json.loads(done.stdout)
    assert [photo["size_bytes"] for photo in inspection["photos"]] == [path.stat().st_size for path in paths]
    assert inspection["final"]
