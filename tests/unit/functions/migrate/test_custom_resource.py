"""CloudFormation gets one answer to each event, whatever becomes of the work, and always yes to a Delete."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.custom_resource import LONGEST_REASON, MARGIN_S, Answer, handle, put, shortened
from migrate.errors import MigrationFailed
from tests.fakes.http_endpoint import HttpEndpoint, serving

PLENTY_S = 900.0
IDS = {
    "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/scrutineer/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9",
    "RequestId": "7b1c6f5e-1e2d-4c3b-8a9f-0d1e2f3a4b5c",
    "LogicalResourceId": "Migration",
}


@pytest.fixture
def bucket() -> Iterator[HttpEndpoint]:
    """Where CloudFormation waits for the answer."""
    with serving() as running:
        yield running


def event(kind: str, bucket: HttpEndpoint, **more: Any) -> dict[str, Any]:
    return {
        "RequestType": kind,
        "ResponseURL": f"{bucket.url}/answer?X-Amz-Signature=abc",
        "ResourceType": "Custom::Migration",
        **IDS,
        **({} if kind == "Create" else {"PhysicalResourceId": "migrations"}),
        **more,
    }


def answers(bucket: HttpEndpoint) -> list[dict[str, Any]]:
    return [json.loads(body) for _, _, body in bucket.requests]


def works() -> Mapping[str, str]:
    return {"User": "scrutineer_app"}


def is_refused() -> Mapping[str, str]:
    raise MigrationFailed("0005_x, statement 1 of 2 (ALTER TABLE …) failed: Duplicate column (MySQL error 1060).")


def has_a_bug() -> Mapping[str, str]:
    raise ValueError("the password is hunter2")


@pytest.mark.parametrize(
    ("kind", "work", "status", "reason"),
    [
        ("Create", works, "SUCCESS", ""),
        ("Update", works, "SUCCESS", ""),
        ("Delete", has_a_bug, "SUCCESS", ""),
        ("Create", is_refused, "FAILED", "0005_x, statement 1 of 2"),
        ("Update", is_refused, "FAILED", "(MySQL error 1060)"),
        ("Update", has_a_bug, "FAILED", "ValueError at "),
        ("Move", works, "FAILED", "no RequestType 'Move'"),
    ],
)
def test_each_event_is_answered_once(
    kind: str, work: Callable[[], Mapping[str, str]], status: str, reason: str, bucket: HttpEndpoint
) -> None:
    handle(event(kind, bucket), work, remaining_s=PLENTY_S)
    (answer,) = answers(bucket)
    assert answer["Status"] == status
    assert reason in answer["Reason"]
    assert bool(answer["Reason"]) == (status == "FAILED")
    assert {name: answer[name] for name in IDS} == IDS
    assert answer["PhysicalResourceId"] == "migrations"
    assert answer["Data"] == ({"User": "scrutineer_app"} if (status, kind != "Delete") == ("SUCCESS", True) else {})
    assert "hunter2" not in json.dumps(answer)


def test_the_answer_has_the_type_that_its_address_is_signed_for(bucket: HttpEndpoint) -> None:
    handle(event("Create", bucket), works, remaining_s=PLENTY_S)
    ((path, headers, body),) = bucket.requests
    assert path == "/answer?X-Amz-Signature=abc"
    assert headers["Content-Type"] == ""
    assert headers["Content-Length"] == str(len(body))


def test_a_resource_keeps_its_identifier(bucket: HttpEndpoint) -> None:
    """Another one would make CloudFormation delete the one before."""
    handle(event("Update", bucket, PhysicalResourceId="of-old"), works, remaining_s=PLENTY_S)
    assert answers(bucket)[0]["PhysicalResourceId"] == "of-old"


def test_work_that_does_not_end_in_time_is_answered_before_the_function_ends(bucket: HttpEndpoint) -> None:
    go_on = threading.Event()

    def takes_long() -> Mapping[str, str]:
        assert go_on.wait(10)
        return works()

    thread = threading.Thread(
        target=handle, args=(event("Update", bucket), takes_long), kwargs={"remaining_s": MARGIN_S + 0.05}
    )
    thread.start()
    while not bucket.requests:
        thread.join(0.01)
    go_on.set()
    thread.join()
    (answer,) = answers(bucket)
    assert answer["Status"] == "FAILED"
    assert "deploy again" in answer["Reason"]


def test_an_answer_is_sent_again_until_it_arrives(bucket: HttpEndpoint) -> None:
    bucket.statuses = [500, 503]
    put(f"{bucket.url}/answer", b"{}", pauses_s=(0, 0, 0))
    assert [body for _, _, body in bucket.requests] == [b"{}"] * 3


def test_an_answer_that_arrives_nowhere_ends_the_work_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is raised, since Lambda would start it all again; and the signed address is not logged."""
    sent = []

    def nowhere(url: str, body: bytes) -> None:
        sent.append(url)
        raise ConnectionRefusedError(url)

    with serving() as bucket:
        handle(event("Create", bucket), works, remaining_s=PLENTY_S, send=nowhere)
    assert len(sent) == 1
    (line,) = caplog.records
    assert line.message == "the answer did not arrive"
    assert "Signature" not in str(vars(line))


def test_of_many_answers_at_once_one_is_given(bucket: HttpEndpoint) -> None:
    answer, start = Answer(event("Create", bucket), put), threading.Barrier(8)

    def give(number: int) -> None:
        start.wait()
        answer.failure("late") if number % 2 else answer.success()

    threads = [threading.Thread(target=give, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(bucket.requests) == 1


@given(reason=st.text(max_size=5000))
def test_an_answer_is_never_longer_than_cloudformation_takes(reason: str) -> None:
    """4,096 bytes, however its characters are written in JSON: the reason has half of them."""
    assert len(json.dumps(shortened(reason))) <= LONGEST_REASON
    assert reason.startswith(shortened(reason))
    if len(json.dumps(reason)) <= LONGEST_REASON:
        assert shortened(reason) == reason
