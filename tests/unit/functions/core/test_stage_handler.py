"""A batch of messages: each fails or succeeds for itself."""

import io
from typing import Any

import pytest

from core.errors import Unavailable
from core.identifiers import new_identifier
from core.queues import SqsQueue, StageMessage
from core.stage_handler import RENEWED_AT, handle_batch
from core.worker import UnknownInspection
from tests.fakes.api_gateway import FakeContext, sqs_event

IDS = [new_identifier("insp") for _ in range(3)]


class NotedReturns(SqsQueue):
    """Notes the messages that are given back before their time, and those that are sent."""

    def __init__(self, name: str = "queue", *, away: bool = False) -> None:
        super().__init__(None, f"http://sqs/123456789012/{name}")
        self.returned: list[tuple[str, int]] = []
        self.sent: list[tuple[str, str, int]] = []
        self.away = away

    def return_message(self, receipt_handle: str, after_s: int) -> None:
        self.returned.append((receipt_handle, after_s))

    def send(self, inspection_id: str, *, group: str, delay_s: int = 0) -> None:
        if self.away:
            raise Unavailable("The queue can't be reached at the moment.")
        self.sent.append((inspection_id, group, delay_s))


def handled(body: str, run: Any, received: int, queue: NotedReturns) -> list[str]:
    """The ids of the messages that failed."""
    answer = handle_batch(sqs_event([body], received), FakeContext(), run=run, queues=[queue])
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def handle(bodies: list[str], run: Any = None, received: int = 1) -> tuple[list[str], list[tuple[str, int]]]:
    """The ids of the messages that failed, and what was given back."""
    queue, other = NotedReturns(), NotedReturns("other-queue")
    event = sqs_event(bodies, received)
    answer = handle_batch(event, FakeContext(), run=run or (lambda _: None), queues=[other, queue])
    assert other.returned == []
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]], queue.returned


def message(inspection_id: str) -> str:
    return StageMessage(inspection_id=inspection_id).model_dump_json()


def test_every_message_is_run() -> None:
    seen: list[str] = []
    assert handle([message(each) for each in IDS], seen.append) == ([], [])
    assert seen == IDS


@pytest.mark.parametrize(
    "body", ["", "{", "[]", '{"inspection_id": 3}', '{"inspection_id": "x"}', '{"inspection_id": "insp_"}', "\x00"]
)
def test_poison_fails_alone(body: str) -> None:
    seen: list[str] = []
    assert handle([message(IDS[0]), body, message(IDS[1])], seen.append) == (["m1"], [])
    assert seen == IDS[:2]


def test_a_later_version_may_say_more() -> None:
    assert handle([f'{{"inspection_id": "{IDS[0]}", "trace": "x"}}']) == ([], [])


def test_unavailable_comes_back_soon() -> None:
    def run(inspection_id: str) -> None:
        raise Unavailable("away")

    failed, returned = handle([message(IDS[0])], run, received=3)
    assert failed == ["m0"]
    ((handle_, after_s),) = returned
    assert handle_ == "r0"
    assert 4 <= after_s <= 8


def test_before_its_receives_are_used_up_a_new_message_takes_its_place() -> None:
    """However long something is away, a sound message is no dead letter."""

    def run(inspection_id: str) -> None:
        raise Unavailable("away")

    queue = NotedReturns()
    for received in range(1, RENEWED_AT):
        assert handled(message(IDS[0]), run, received, queue) == ["m0"]
    assert queue.sent == []
    assert handled(message(IDS[0]), run, RENEWED_AT, queue) == [], "it is done with"
    ((inspection_id, group, delay_s),) = queue.sent
    assert (inspection_id, group) == (IDS[0], "client-a")
    assert 16 <= delay_s <= 32
    assert len(queue.returned) == RENEWED_AT - 1


def test_where_no_message_can_be_sent_the_old_one_stays() -> None:
    def run(inspection_id: str) -> None:
        raise Unavailable("away")

    assert handled(message(IDS[0]), run, RENEWED_AT, NotedReturns(away=True)) == ["m0"]


@pytest.mark.parametrize("error", [UnknownInspection("x"), KeyError("x"), ValueError("x")])
def test_other_failures_wait_for_the_visibility_timeout(error: Exception) -> None:
    def run(inspection_id: str) -> None:
        raise error

    assert handle([message(IDS[0])], run) == (["m0"], [])


def test_body_of_a_poison_message_is_not_logged(logged: io.StringIO) -> None:
    handle(['{"inspection_id": "SECRET"}'])
    assert "message failed" in logged.getvalue()
    assert "SECRET" not in logged.getvalue()
