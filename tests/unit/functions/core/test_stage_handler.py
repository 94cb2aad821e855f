"""A batch of messages: each fails or succeeds for itself."""

import io
from typing import Any

import pytest

from core.errors import Unavailable
from core.identifiers import new_identifier
from core.queues import SqsQueue, StageMessage
from core.stage_handler import BACK_AFTER_S, handle_batch
from core.worker import UnknownInspection
from tests.fakes.api_gateway import FakeContext, sqs_event

IDS = [new_identifier("insp") for _ in range(3)]


class NotedReturns(SqsQueue):
    """Notes the messages that are given back before their time."""

    def __init__(self, name: str = "queue") -> None:
        super().__init__(None, f"http://sqs/123456789012/{name}")
        self.returned: list[tuple[str, int]] = []

    def return_message(self, receipt_handle: str, after_s: int) -> None:
        self.returned.append((receipt_handle, after_s))


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


def test_receives_outlast_half_an_hour_without_a_database() -> None:
    """Half as late as it might be is the soonest that chance makes it."""
    assert sum(BACK_AFTER_S) >= 1800

    def run(inspection_id: str) -> None:
        raise Unavailable("away")

    waited_s = [handle([message(IDS[0])], run, received=each + 1)[1][0][1] for each in range(len(BACK_AFTER_S))]
    assert sum(waited_s) >= sum(BACK_AFTER_S) / 2
    assert max(waited_s) < 12 * 3600  # the longest visibility that SQS takes


@pytest.mark.parametrize("error", [UnknownInspection("x"), KeyError("x"), ValueError("x")])
def test_other_failures_wait_for_the_visibility_timeout(error: Exception) -> None:
    def run(inspection_id: str) -> None:
        raise error

    assert handle([message(IDS[0])], run) == (["m0"], [])


def test_body_of_a_poison_message_is_not_logged(logged: io.StringIO) -> None:
    handle(['{"inspection_id": "SECRET"}'])
    assert "message failed" in logged.getvalue()
    assert "SECRET" not in logged.getvalue()
