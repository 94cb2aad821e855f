"""Before opening the endpoint is asked until it answers, and at no other time."""

import base64
import io
import json

import pytest
from PIL import Image

from core.endpoint import EndpointRefused, EndpointUnavailable
from tests.fakes.clock import FakeClock
from tests.fakes.endpoint import FakeEndpoint, answer_to
from tests.fakes.service import ClosedService, always_open
from warmup.warm import WARM_BEFORE_S, warm

ROUND_S = 140


class Asleep:
    """Fails so many times, then answers with `awake`."""

    def __init__(self, failures: int, awake: bytes | None = None) -> None:
        self.failures = failures
        self.awake = awake

    def __call__(self, body: bytes) -> bytes:
        if self.failures:
            self.failures -= 1
            raise EndpointUnavailable("It has no copy yet.", busy=True)
        return answer_to(body) if self.awake is None else self.awake


def one_round(endpoint: FakeEndpoint, opens_in_s: int = WARM_BEFORE_S) -> bool | None:
    clock = FakeClock()
    end = clock.now() + ROUND_S
    return warm(ClosedService(opens_in_s), endpoint, lambda: end - clock.now(), clock.sleep)


def test_asked_until_it_answers_and_no_more() -> None:
    endpoint = FakeEndpoint(Asleep(3))
    assert one_round(endpoint) is True
    assert len(endpoint.asked) == 4


def test_what_does_not_wake_up_is_left_to_the_next_minute() -> None:
    endpoint = FakeEndpoint(Asleep(1000))
    assert one_round(endpoint) is False
    assert 10 <= len(endpoint.asked) <= 15


def test_an_answer_to_another_question_is_none() -> None:
    assert one_round(FakeEndpoint(Asleep(0, b'{"answers": []}'))) is False


def test_what_is_refused_is_not_asked_again() -> None:
    def refuse(body: bytes) -> bytes:
        raise EndpointRefused(422)

    endpoint = FakeEndpoint(refuse)
    assert one_round(endpoint) is False
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize("opens_in_s", [WARM_BEFORE_S + 1, 6 * 3600])
def test_not_asked_long_before(opens_in_s: int) -> None:
    endpoint = FakeEndpoint()
    assert one_round(endpoint, opens_in_s) is None
    assert endpoint.asked == []


def test_not_asked_while_open() -> None:
    endpoint = FakeEndpoint()
    assert warm(always_open(), endpoint, lambda: ROUND_S, lambda pause_s: None) is None
    assert endpoint.asked == []


def test_the_question_is_a_small_inspection() -> None:
    endpoint = FakeEndpoint()
    one_round(endpoint)
    ((_, body),) = endpoint.asked
    asked = json.loads(body)
    assert asked["task"] == "inspect"
    (photo,) = asked["photos"]
    with Image.open(io.BytesIO(base64.b64decode(photo["data"]))) as image:
        assert (image.format, image.size) == ("JPEG", (448, 448))
