"""Places to upload to: what the signature binds, and the route that gives them out."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core import aws, front_door
from core.errors import QuotaExceeded
from core.identifiers import is_identifier
from core.uploads import EXPIRES_S, MAX_PHOTO_BYTES, PhotoUploads
from core.usage import Limit
from inspections import app
from tests.fakes.api_gateway import Answer, FakeContext, read_answer, rest_event
from tests.fakes.database import FakeDatabase
from tests.fakes.metrics import counted
from tests.fakes.s3_client import photo_uploads
from tests.fakes.usage import FixedUsage, allowance


def policy_of(upload: Any) -> Any:
    return json.loads(base64.b64decode(upload["fields"]["policy"]))


class Route:
    def __init__(self) -> None:
        self.usage = FixedUsage()

    def post(self, body: Any, client_id: str = "client-a", **parts: Any) -> Answer:
        event = rest_event("POST", "/v1/uploads", body=body, client_id=client_id, **parts)
        return read_answer(front_door.answer(app.app, event, FakeContext(), FakeDatabase()))


@pytest.fixture
def route(monkeypatch: pytest.MonkeyPatch) -> Route:
    made = Route()

    class Needed:
        usage = made.usage
        uploads = photo_uploads()

    monkeypatch.setattr(app, "services", Needed)
    return made


def test_policy_binds_key_size_type_and_time(route: Route) -> None:
    answer = route.post({"count": 2, "media_types": ["image/png", "image/heic"]})
    assert answer.status == 201
    for upload, media_type in zip(answer.json["uploads"], ["image/png", "image/heic"], strict=True):
        key = f"uploads/client-a/{upload['upload_id']}"
        assert is_identifier(upload["upload_id"], "upl")
        policy = policy_of(upload)
        conditions = [each for each in policy["conditions"] if isinstance(each, dict)]
        assert [each for each in policy["conditions"] if isinstance(each, list)] == [
            ["content-length-range", 1, MAX_PHOTO_BYTES]
        ]
        named = {name: value for each in conditions for name, value in each.items()}
        assert (named["bucket"], named["key"], named["Content-Type"]) == ("photos-bucket", key, media_type)
        assert (upload["fields"]["key"], upload["fields"]["Content-Type"]) == (key, media_type)
        assert (upload["media_type"], upload["max_bytes"]) == (media_type, MAX_PHOTO_BYTES)
        ends = datetime.fromisoformat(policy["expiration"])
        assert abs(ends - datetime.fromisoformat(upload["expires_at"])) < timedelta(seconds=2)
        assert ends - datetime.now(UTC) <= timedelta(seconds=EXPIRES_S)


@pytest.mark.parametrize("region", ["ap-south-1", "eu-west-1", "us-west-2"])
def test_signature_is_version_4_for_the_regions_own_address(monkeypatch: pytest.MonkeyPatch, region: str) -> None:
    """boto3's defaults depend on the region, and on what S3 would answer with a redirect or refuse for its KMS key."""
    for name, value in {"ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "y", "DEFAULT_REGION": region}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    client = aws.s3.__wrapped__()
    (upload,) = PhotoUploads(client, "photos-bucket").open("client-a", ["image/jpeg"])
    client.close()
    assert upload.url == f"https://photos-bucket.s3.{region}.amazonaws.com/"
    assert upload.fields["x-amz-algorithm"] == "AWS4-HMAC-SHA256"


def test_jpeg_is_what_is_taken_for_granted(route: Route) -> None:
    (upload,) = route.post({"count": 1}).json["uploads"]
    assert upload["media_type"] == upload["fields"]["Content-Type"] == "image/jpeg"


def test_every_place_is_another(route: Route) -> None:
    uploads = route.post({"count": 20}).json["uploads"] + route.post({"count": 20}).json["uploads"]
    assert len({upload["upload_id"] for upload in uploads}) == 40


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "count"),
        ({"count": 0}, "count"),
        ({"count": 21}, "count"),
        ({"count": "many"}, "count"),
        ({"count": 2, "media_types": ["image/png"]}, "body"),
        ({"count": 1, "media_types": ["image/gif"]}, "media_types[0]"),
        ({"count": 1, "media_types": ["text/html"]}, "media_types[0]"),
        ({"count": 1, "media_types": []}, "media_types"),
        ({"count": 1, "client_id": "client-b"}, "client_id"),
        ({"count": 1, "key": "photos/x"}, "key"),
    ],
)
def test_bad_body(route: Route, body: Any, field: str) -> None:
    answer = route.post(body)
    assert (answer.status, answer.json["code"], answer.json["field"]) == (400, "invalid_request", field)


def test_client_is_the_principals(route: Route) -> None:
    (upload,) = route.post({"count": 1}, client_id="client-b").json["uploads"]
    assert upload["fields"]["key"].startswith("uploads/client-b/")


def test_no_place_for_who_may_not_ask(route: Route) -> None:
    route.usage.fixed = allowance(limits=(Limit("day", most=1, used=1, window_s=86400, resets_in_s=60),))
    answer = route.post({"count": 1})
    assert (answer.status, answer.json["code"]) == (429, QuotaExceeded.code)
    assert counted("LimitRefusals") == [1.0]
