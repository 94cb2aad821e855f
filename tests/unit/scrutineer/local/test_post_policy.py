"""The local bucket refuses the forms that S3 would."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scrutineer.local.post_policy import refused

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CONDITIONS: list[Any] = [
    {"Content-Type": "image/jpeg"},
    ["content-length-range", 1, 20],
    {"bucket": "photos"},
    {"key": "uploads/a/1"},
    ["starts-with", "$x-amz-credential", "AK/"],
]
RIGHT = {"content-type": "image/jpeg", "key": "uploads/a/1", "x-amz-credential": "AK/x", "x-amz-signature": "s"}


def policy(conditions: list[Any] = CONDITIONS, expires_in_s: int = 60) -> str:
    ends = f"{NOW + timedelta(seconds=expires_in_s):%Y-%m-%dT%H:%M:%SZ}"
    return base64.b64encode(json.dumps({"expiration": ends, "conditions": conditions}).encode()).decode()


def test_form_as_signed_is_taken() -> None:
    for size_bytes in (1, 20):
        assert refused({**RIGHT, "policy": policy()}, size_bytes, "photos", NOW) is None


@pytest.mark.parametrize(
    ("changed", "size_bytes", "bucket", "code"),
    [
        ({}, 21, "photos", "EntityTooLarge"),
        ({}, 0, "photos", "EntityTooSmall"),
        ({}, 5, "others", "AccessDenied"),
        ({"content-type": "text/html"}, 5, "photos", "AccessDenied"),
        ({"key": "uploads/b/1"}, 5, "photos", "AccessDenied"),
        ({"x-amz-credential": "other"}, 5, "photos", "AccessDenied"),
        ({"acl": "public-read"}, 5, "photos", "AccessDenied"),
        ({"policy": "?"}, 5, "photos", "AccessDenied"),
        ({"policy": policy(expires_in_s=0)}, 5, "photos", "AccessDenied"),
    ],
)
def test_any_other_form_is_refused(changed: dict[str, str], size_bytes: int, bucket: str, code: str) -> None:
    found = refused({**RIGHT, "policy": policy(), **changed}, size_bytes, bucket, NOW)
    assert found is not None
    assert found[1] == code


def test_form_without_a_policy_or_a_signed_field_is_refused() -> None:
    assert refused(RIGHT, 5, "photos", NOW) is not None
    for name in ("key", "content-type"):
        assert refused({**RIGHT, "policy": policy(), name: ""}, 5, "photos", NOW) is not None
