"""The queue and the bucket through botocore: what is sent, and every vendor error in our own words."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.response import StreamingBody
from botocore.stub import Stubber

from core.errors import Unavailable
from core.identifiers import new_identifier
from core.queues import SqsQueue
from core.storage import MissingObject, S3ObjectStore, capture_key, photo_key, prepared_key

ID = new_identifier("insp")
SECRETS = {"aws_access_key_id": "x", "aws_secret_access_key": "y", "region_name": "eu-west-1"}


@pytest.fixture
def sqs() -> Iterator[Stubber]:
    client = boto3.client("sqs", **SECRETS)
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()
    client.close()


@pytest.fixture
def s3() -> Iterator[Stubber]:
    client = boto3.client("s3", **SECRETS)
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()
    client.close()


class Cut:
    """A client whose every call ends without an answer."""

    def __getattr__(self, name: str) -> Any:
        def call(**_: Any) -> None:
            raise EndpointConnectionError(endpoint_url="http://x")

        return call


@pytest.mark.parametrize(("asked_s", "sent_s"), [(0, 0), (60, 60), (5000, 900), (-1, 0)])
def test_message_carries_the_id_alone(sqs: Stubber, asked_s: int, sent_s: int) -> None:
    body = f'{{"inspection_id":"{ID}"}}'
    sent = {"QueueUrl": "http://q", "MessageBody": body, "MessageGroupId": "client-a", "DelaySeconds": sent_s}
    sqs.add_response("send_message", {}, sent)
    SqsQueue(sqs.client, "http://q").send(ID, group="client-a", delay_s=asked_s)


def test_queue_that_refuses(sqs: Stubber) -> None:
    sqs.add_client_error("send_message", "ServiceUnavailable", http_status_code=503)
    with pytest.raises(Unavailable):
        SqsQueue(sqs.client, "http://q").send(ID, group="client-a")


def test_queue_that_does_not_answer() -> None:
    with pytest.raises(Unavailable):
        SqsQueue(Cut(), "http://q").send(ID, group="client-a")


def test_returned_message(sqs: Stubber) -> None:
    sqs.add_response(
        "change_message_visibility", {}, {"QueueUrl": "http://q", "ReceiptHandle": "r", "VisibilityTimeout": 7}
    )
    SqsQueue(sqs.client, "http://q").return_message("r", 7)


def test_message_that_cannot_be_returned_comes_back_by_itself() -> None:
    SqsQueue(Cut(), "http://q").return_message("r", 7)


def test_put_says_what_it_is(s3: Stubber) -> None:
    sent = {"Bucket": "b", "Key": "k", "Body": b"data", "ContentType": "image/jpeg"}
    s3.add_response("put_object", {}, sent)
    S3ObjectStore(s3.client, "b").put("k", b"data", "image/jpeg")


def test_get(s3: Stubber) -> None:
    s3.add_response("get_object", {"Body": StreamingBody(BytesIO(b"data"), 4)}, {"Bucket": "b", "Key": "k"})
    assert S3ObjectStore(s3.client, "b").get("k") == b"data"


def test_absent_object(s3: Stubber) -> None:
    for _ in range(2):
        s3.add_client_error("get_object", "NoSuchKey", http_status_code=404)
    store = S3ObjectStore(s3.client, "b")
    assert store.find("k") is None
    with pytest.raises(MissingObject):
        store.get("k")


@pytest.mark.parametrize("code", ["SlowDown", "InternalError", "AccessDenied"])
def test_bucket_that_refuses(s3: Stubber, code: str) -> None:
    s3.add_client_error("get_object", code, http_status_code=503)
    s3.add_client_error("put_object", code, http_status_code=503)
    store = S3ObjectStore(s3.client, "b")
    with pytest.raises(Unavailable):
        store.get("k")
    with pytest.raises(Unavailable):
        store.put("k", b"", "image/jpeg")


def test_bucket_that_does_not_answer() -> None:
    store = S3ObjectStore(Cut(), "b")
    with pytest.raises(Unavailable):
        store.find("k")
    with pytest.raises(Unavailable):
        store.put("k", b"", "image/jpeg")


def test_object_cut_off_while_it_is_read(s3: Stubber) -> None:
    s3.add_response("get_object", {"Body": StreamingBody(BytesIO(b"da"), 4)}, {"Bucket": "b", "Key": "k"})
    with pytest.raises(Unavailable):
        S3ObjectStore(s3.client, "b").get("k")


def test_keys_are_apart() -> None:
    keys = {photo_key(ID, 0), photo_key(ID, 1), prepared_key(ID, 0), capture_key(ID)}
    assert len(keys) == 4
    assert all(ID in key for key in keys)
