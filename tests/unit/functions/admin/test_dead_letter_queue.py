"""Dead letters through botocore: what is asked for, what is read, and every vendor error in our own words."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from admin.dead_letter_queue import SqsDeadLetters
from core.errors import Unavailable
from core.identifiers import new_identifier

ID = new_identifier("insp")
SECRETS = {"aws_access_key_id": "x", "aws_secret_access_key": "y", "region_name": "eu-west-1"}
RECEIVE = {
    "QueueUrl": "http://q",
    "MaxNumberOfMessages": 10,
    "VisibilityTimeout": 60,
    "WaitTimeSeconds": 1,
    "MessageSystemAttributeNames": ["ApproximateReceiveCount", "SentTimestamp"],
}


@pytest.fixture
def sqs() -> Iterator[Stubber]:
    client = boto3.client("sqs", **SECRETS)
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()
    client.close()


def message(body: str) -> dict[str, Any]:
    attributes = {"ApproximateReceiveCount": "9", "SentTimestamp": "1700000000500"}
    return {"MessageId": "m", "ReceiptHandle": "r", "Body": body, "Attributes": attributes}


def test_a_message_of_ours_is_read(sqs: Stubber) -> None:
    sqs.add_response("receive_message", {"Messages": [message(f'{{"inspection_id": "{ID}"}}')]}, RECEIVE)
    (letter,) = SqsDeadLetters(sqs.client, "http://q").receive(100, 60)
    assert (letter.message_id, letter.receipt, letter.inspection_id, letter.receives) == ("m", "r", ID, 9)
    assert letter.sent_at == datetime(2023, 11, 14, 22, 13, 20, 500000, UTC)


@pytest.mark.parametrize(
    "body", ["not JSON", "SECRET", "{}", '{"inspection_id": "insp_x"}', '{"inspection_id": 7}', "[]"]
)
def test_the_body_of_another_message_is_kept_nowhere(sqs: Stubber, body: str) -> None:
    sqs.add_response("receive_message", {"Messages": [message(body)]}, RECEIVE)
    (letter,) = SqsDeadLetters(sqs.client, "http://q").receive(10, 60)
    assert letter.inspection_id is None
    assert body not in repr(letter)


def test_nothing_there(sqs: Stubber) -> None:
    sqs.add_response("receive_message", {}, RECEIVE)
    assert SqsDeadLetters(sqs.client, "http://q").receive(10, 60) == []


def test_released_ten_at_a_time(sqs: Stubber) -> None:
    for count in (10, 2):
        entries = [
            {"Id": str(n), "ReceiptHandle": f"r{n if count == 10 else 10 + n}", "VisibilityTimeout": 0}
            for n in range(count)
        ]
        sqs.add_response(
            "change_message_visibility_batch",
            {"Successful": [], "Failed": []},
            {
                "QueueUrl": "http://q",
                "Entries": entries,
            },
        )
    SqsDeadLetters(sqs.client, "http://q").release([f"r{n}" for n in range(12)])


def test_depth_and_delete(sqs: Stubber) -> None:
    name = "ApproximateNumberOfMessages"
    sqs.add_response(
        "get_queue_attributes", {"Attributes": {name: "7"}}, {"QueueUrl": "http://q", "AttributeNames": [name]}
    )
    sqs.add_response("delete_message", {}, {"QueueUrl": "http://q", "ReceiptHandle": "r"})
    queue = SqsDeadLetters(sqs.client, "http://q")
    assert queue.waiting() == 7
    queue.delete("r")


class Cut:
    """A client whose every call ends without an answer."""

    def __getattr__(self, name: str) -> Any:
        def call(**_: Any) -> None:
            raise EndpointConnectionError(endpoint_url="http://x")

        return call


def test_what_does_not_answer_is_unavailable_and_what_was_not_released_comes_back_by_itself() -> None:
    queue = SqsDeadLetters(Cut(), "http://q")
    for use in (queue.waiting, lambda: queue.receive(1, 60), lambda: queue.delete("r")):
        with pytest.raises(Unavailable):
            use()
    queue.release(["r"])
