"""A web page may send a form to the bucket where the template lists its origin, and reads nothing else."""

import boto3
import httpx
import pytest
from botocore.config import Config

from scrutineer.local.aws_services import CREDENTIALS

BUCKET = "scrutineer-photobucket"
PAGE = "https://app.example"


@pytest.fixture(scope="module")
def form(s3):
    config = Config(signature_version="s3v4")  # the version that functions sign by
    client = boto3.client("s3", endpoint_url=s3.meta.endpoint_url, config=config, **CREDENTIALS)
    return client.generate_presigned_post(BUCKET, "page/1", Conditions=[["content-length-range", 1, 10]], ExpiresIn=60)


def post(form, origin, content=b"photo"):
    return httpx.post(
        form["url"], data=form["fields"], files={"file": content}, headers={"Origin": origin}, trust_env=False
    )


def test_a_listed_page_is_told_what_became_of_its_form(form, s3):
    sent = post(form, PAGE)
    assert (sent.status_code, sent.headers["Access-Control-Allow-Origin"]) == (204, PAGE)
    assert s3.get_object(Bucket=BUCKET, Key="page/1")["Body"].read() == b"photo"


def test_it_is_told_of_a_refusal_too(form):
    refused = post(form, PAGE, b"more than ten bytes")
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (400, PAGE)


def test_another_page_is_told_nothing(form):
    assert "Access-Control-Allow-Origin" not in post(form, "https://evil.example").headers


@pytest.mark.parametrize(("origin", "answered"), [(PAGE, True), ("https://evil.example", False)])
def test_a_browser_that_asks_first_is_told_the_same(form, origin, answered):
    asked = httpx.options(
        form["url"], headers={"Origin": origin, "Access-Control-Request-Method": "POST"}, trust_env=False
    )
    assert (asked.headers.get("Access-Control-Allow-Origin") == PAGE) == answered


def test_nobody_else_reads_other_answers(s3, stack):
    listed = httpx.get(f"{s3.meta.endpoint_url}/{BUCKET}", headers={"Origin": "https://evil.example"}, trust_env=False)
    assert "Access-Control-Allow-Origin" not in listed.headers
