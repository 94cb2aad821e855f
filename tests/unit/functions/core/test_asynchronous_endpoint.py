"""Handing a request over, waiting for its answer over several attempts, and every way in which none comes."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from core.asynchronous_endpoint import (
    CALL_TIMEOUT_S,
    LATE_S,
    LEAST_QUEUED_S,
    MODEL_TAKES_S,
    MOST_QUEUED_S,
    PATIENCE_S,
    AsynchronousEndpoint,
)
from core.endpoint import CONNECT_TIMEOUT_S, READ_TIMEOUT_S, Answered, EndpointRefused, EndpointUnavailable
from core.errors import DeadlineExceeded, Unavailable
from core.settings import InvalidSetting
from core.storage import call_key, request_key
from tests.fakes.clock import FakeClock
from tests.fakes.crashing import Crash, Gate, GatedStore
from tests.fakes.http_endpoint import HttpEndpoint, serving
from tests.fakes.object_store import InMemoryStore
from tests.fakes.runtime_client import runtime_client

ID = "insp_" + "a" * 26
BUCKET = "inspections"
BODY = b'{"task": "inspect"}'
ANSWER, FAILURE = "asynchronous/answers/1.out", "asynchronous/failures/1-error.out"


class World:
    """A bucket and a clock; `happens` is what is written to the bucket at which second from now."""

    def __init__(self) -> None:
        self.store = InMemoryStore()
        self.clock = FakeClock()
        self.happens: list[tuple[float, str, bytes]] = []

    def sleep(self, pause_s: float) -> None:
        self.clock.sleep(pause_s)
        self.come_about()

    def come_about(self) -> None:
        for at_s, key, data in [each for each in self.happens if each[0] <= self.clock.now()]:
            self.store.objects[key] = data
            self.happens.remove((at_s, key, data))

    def later(self, after_s: float, key: str, data: bytes) -> None:
        self.happens.append((self.clock.now() + after_s, key, data))


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def server() -> Iterator[HttpEndpoint]:
    with serving() as running:
        takes_in(running)
        yield running


@pytest.fixture
def client(server: HttpEndpoint) -> Iterator[Any]:
    with runtime_client(server.url) as client:
        yield client


Made = Callable[..., AsynchronousEndpoint]


@pytest.fixture
def made(client: Any, world: World) -> Made:
    def make(store: Any = None) -> AsynchronousEndpoint:
        return AsynchronousEndpoint(
            client,
            "internvl",
            store or world.store,
            BUCKET,
            clock=world.clock.now,
            sleep=world.sleep,
            now=world.clock.now,
        )

    return make


@pytest.fixture
def endpoint(made: Made) -> AsynchronousEndpoint:
    return made()


def takes_in(server: HttpEndpoint, number: int = 1) -> None:
    """SageMaker's answer to a call that it has put into its queue."""
    server.status, server.body = 202, b'{"InferenceId": "x"}'
    server.headers = {
        "X-Amzn-SageMaker-OutputLocation": f"s3://{BUCKET}/asynchronous/answers/{number}.out",
        "X-Amzn-SageMaker-FailureLocation": f"s3://{BUCKET}/asynchronous/failures/{number}-error.out",
    }


def awaited(endpoint: AsynchronousEndpoint, body: bytes = BODY, timeout_s: float | None = None) -> None:
    with pytest.raises(EndpointUnavailable) as told:
        endpoint.invoke(body, ID, timeout_s)
    assert (told.value.awaited, told.value.busy, told.value.attempted) == (True, True, False)


def test_a_request_is_handed_over_by_the_bucket(
    server: HttpEndpoint, world: World, endpoint: AsynchronousEndpoint
) -> None:
    world.later(3, ANSWER, b'{"answers": []}')
    assert endpoint.invoke(BODY, ID) == Answered(b'{"answers": []}', "sagemaker:internvl")
    ((path, headers, _),) = server.requests
    assert path == "/endpoints/internvl/async-invocations"
    sent = {name.lower(): value for name, value in headers.items()}
    assert {name: sent[f"x-amzn-sagemaker-{name}"] for name in ("inputlocation", "inference-id", "content-type")} == {
        "inputlocation": f"s3://{BUCKET}/{request_key(ID)}",
        "inference-id": ID,
        "content-type": "application/json",
    }
    assert sent["x-amzn-sagemaker-requestttlseconds"] == str(MOST_QUEUED_S)
    assert sent["x-amzn-sagemaker-invocationtimeoutseconds"] == str(MODEL_TAKES_S)
    assert set(world.store.objects) == {ANSWER}, "neither photos nor the note outlive the answer"


def test_what_sagemaker_reads_is_there_before_it_is_asked(
    server: HttpEndpoint, world: World, endpoint: AsynchronousEndpoint
) -> None:
    server.status = 500
    with pytest.raises(EndpointUnavailable):
        endpoint.invoke(BODY, ID)
    assert world.store.objects == {request_key(ID): BODY}


def test_an_answer_that_takes_longer_is_taken_by_a_later_attempt(
    server: HttpEndpoint, world: World, endpoint: AsynchronousEndpoint
) -> None:
    world.later(2.5 * PATIENCE_S, ANSWER, b"{}")
    awaited(endpoint)
    waited_s = sum(world.clock.slept)
    assert waited_s == pytest.approx(PATIENCE_S)
    assert max(world.clock.slept) <= 2
    awaited(endpoint)
    assert endpoint.invoke(BODY, ID).data == b"{}"
    assert len(server.requests) == 1


def test_another_process_waits_on(server: HttpEndpoint, world: World, made: Made) -> None:
    awaited(made())
    world.store.objects[ANSWER] = b"{}"
    assert made().invoke(BODY, ID).data == b"{}"
    assert len(server.requests) == 1


def test_another_request_is_asked_about_anew(
    server: HttpEndpoint, world: World, endpoint: AsynchronousEndpoint
) -> None:
    awaited(endpoint)
    takes_in(server, 2)
    world.store.objects[ANSWER] = b'{"to": "the first"}'
    world.store.objects["asynchronous/answers/2.out"] = b'{"to": "the second"}'
    assert endpoint.invoke(b'{"task": "another"}', ID).data == b'{"to": "the second"}'
    assert len(server.requests) == 2


@pytest.mark.parametrize("note", [b"", b"not JSON", b"[]", b"{}", b'{"sha256": 1}', b"\xff\xfe"])
def test_a_note_that_can_not_be_read_is_none(
    server: HttpEndpoint, world: World, endpoint: AsynchronousEndpoint, note: bytes
) -> None:
    world.store.objects[call_key(ID)] = note
    world.store.objects[ANSWER] = b"{}"
    assert endpoint.invoke(BODY, ID).data == b"{}"
    assert len(server.requests) == 1


def received(status: int, message: str) -> bytes:
    side = "client" if status < 500 else "server"
    return f'Received {side} error ({status}) from primary with message "{message}". See https://x for more.'.encode()


def problem(status: int, code: str) -> bytes:
    return json.dumps({"status": status, "code": code, "detail": "SECRET"}).encode()


@pytest.mark.parametrize(
    ("failure", "raised", "attempted", "busy"),
    [
        (problem(400, "invalid_request"), EndpointRefused, None, None),
        (problem(413, "too_large"), EndpointRefused, None, None),
        (problem(500, "internal_error"), EndpointUnavailable, True, False),
        (problem(503, "overloaded"), EndpointUnavailable, False, True),
        (problem(503, "not_ready"), EndpointUnavailable, False, False),
        (received(400, problem(400, "invalid_request").decode()), EndpointRefused, None, None),
        (received(503, problem(503, "overloaded").decode()), EndpointUnavailable, False, True),
        (received(500, "SECRET\nSECRET"), EndpointUnavailable, True, False),
        (b"Your invocation timed out SECRET", EndpointUnavailable, True, False),
        (b"", EndpointUnavailable, True, False),
        (b"[400]", EndpointUnavailable, True, False),
        (b'{"status": "SECRET"}', EndpointUnavailable, True, False),
        (b'{"status": 200}', EndpointUnavailable, True, False),
    ],
)
def test_a_failure_is_told_by_the_containers_status_and_the_next_attempt_asks_anew(
    server: HttpEndpoint,
    world: World,
    endpoint: AsynchronousEndpoint,
    failure: bytes,
    raised: type[EndpointRefused | EndpointUnavailable],
    attempted: bool | None,
    busy: bool | None,
) -> None:
    world.later(1, FAILURE, failure)
    with pytest.raises(raised) as told:
        endpoint.invoke(BODY, ID)
    assert (getattr(told.value, "attempted", None), getattr(told.value, "busy", None)) == (attempted, busy)
    assert not getattr(told.value, "awaited", False), "the fallback may be asked"
    assert "SECRET" not in told.value.detail
    if isinstance(told.value, EndpointRefused):
        assert told.value.problem["code"]
    assert set(world.store.objects) == {FAILURE}

    takes_in(server, 2)
    world.store.objects["asynchronous/answers/2.out"] = b"{}"
    assert endpoint.invoke(BODY, ID).data == b"{}"
    assert len(server.requests) == 2


def test_a_failure_that_can_not_be_forgotten_is_found_again(world: World, endpoint: AsynchronousEndpoint) -> None:
    awaited(endpoint)
    world.store.objects[FAILURE] = b""
    world.store.undeletable.add(call_key(ID))
    with pytest.raises(Unavailable) as told:
        endpoint.invoke(BODY, ID)
    assert not told.value.attempted
    world.store.undeletable.clear()
    with pytest.raises(EndpointUnavailable, match="answered 500"):
        endpoint.invoke(BODY, ID)


def test_an_answer_counts_where_its_note_can_not_be_removed(world: World, endpoint: AsynchronousEndpoint) -> None:
    world.later(1, ANSWER, b"{}")
    world.store.undeletable.add(call_key(ID))
    assert endpoint.invoke(BODY, ID).data == b"{}"


def test_what_sagemaker_has_dropped_is_asked_anew(
    server: HttpEndpoint, world: World, endpoint: AsynchronousEndpoint
) -> None:
    awaited(endpoint)
    world.clock.sleep(MOST_QUEUED_S + MODEL_TAKES_S + LATE_S - PATIENCE_S - 1)
    awaited(endpoint)
    assert len(server.requests) == 1, "an answer was still to be hoped for"
    takes_in(server, 2)
    awaited(endpoint)
    assert len(server.requests) == 2
    awaited(endpoint)
    assert len(server.requests) == 2, "the new one has its own time"


def test_an_answer_is_taken_however_late(server: HttpEndpoint, world: World, endpoint: AsynchronousEndpoint) -> None:
    awaited(endpoint)
    world.store.objects[ANSWER] = b"{}"
    world.clock.sleep(20 * 3600)
    assert endpoint.invoke(BODY, ID).data == b"{}"
    assert len(server.requests) == 1


@pytest.mark.parametrize("key", [ANSWER, FAILURE, call_key(ID)])
def test_a_bucket_that_is_away_is_no_attempt_and_loses_nothing(
    server: HttpEndpoint, world: World, endpoint: AsynchronousEndpoint, key: str
) -> None:
    awaited(endpoint)
    world.store.refused.add(key)
    with pytest.raises(Unavailable) as told:
        endpoint.invoke(BODY, ID)
    assert not told.value.attempted
    assert not isinstance(told.value, EndpointUnavailable), "nothing is said against the endpoint"
    world.store.refused.clear()
    world.store.objects[ANSWER] = b"{}"
    assert endpoint.invoke(BODY, ID).data == b"{}"
    assert len(server.requests) == 1


def test_a_request_that_can_not_be_stored_is_not_handed_over(
    server: HttpEndpoint, world: World, endpoint: AsynchronousEndpoint
) -> None:
    world.store.refused.add(request_key(ID))
    with pytest.raises(Unavailable) as told:
        endpoint.invoke(BODY, ID)
    assert not told.value.attempted
    assert server.requests == []


def test_a_note_that_can_not_be_written_was_an_attempt(world: World, made: Made) -> None:
    class ReadOnlyCalls(InMemoryStore):
        def put(self, key: str, data: bytes, media_type: str) -> None:
            if key == call_key(ID):
                raise Unavailable("The store is away.")
            super().put(key, data, media_type)

    with pytest.raises(Unavailable) as told:
        made(ReadOnlyCalls()).invoke(BODY, ID)
    assert told.value.attempted, "else a bucket that takes no notes would have the endpoint asked without end"


@pytest.mark.parametrize("left_s", [0.001, 5, PATIENCE_S])
def test_nobody_waits_past_the_deadline(world: World, endpoint: AsynchronousEndpoint, left_s: float) -> None:
    world.later(left_s + 1, ANSWER, b"{}")
    with pytest.raises(DeadlineExceeded):
        endpoint.invoke(BODY, ID, left_s)
    assert sum(world.clock.slept) == pytest.approx(left_s)


def test_a_deadline_further_away_than_patience_leaves_time_for_another_attempt(
    world: World, endpoint: AsynchronousEndpoint
) -> None:
    world.later(PATIENCE_S + 5, ANSWER, b"{}")
    awaited(endpoint, timeout_s=PATIENCE_S + 10)
    assert endpoint.invoke(BODY, ID, 10).data == b"{}"


@pytest.mark.parametrize(
    ("left_s", "queued_s"),
    [(None, MOST_QUEUED_S), (1, LEAST_QUEUED_S), (90.2, 91), (86_400, MOST_QUEUED_S)],
)
def test_what_comes_too_late_for_its_caller_leaves_the_queue(
    server: HttpEndpoint, world: World, endpoint: AsynchronousEndpoint, left_s: float | None, queued_s: int
) -> None:
    world.store.objects[ANSWER] = b"{}"
    endpoint.invoke(BODY, ID, left_s)
    ((_, headers, _),) = server.requests
    sent = {name.lower(): value for name, value in headers.items()}
    assert sent["x-amzn-sagemaker-requestttlseconds"] == str(queued_s)


@pytest.mark.parametrize(
    ("status", "code", "raised"),
    [
        (400, "ValidationError", EndpointRefused),
        (400, "ThrottlingException", EndpointUnavailable),
        (500, "InternalFailure", EndpointUnavailable),
        (503, "ServiceUnavailable", EndpointUnavailable),
    ],
)
def test_what_is_not_taken_in_leaves_no_note(
    server: HttpEndpoint,
    world: World,
    endpoint: AsynchronousEndpoint,
    status: int,
    code: str,
    raised: type[Exception],
) -> None:
    server.status, server.headers, server.body = status, {"x-amzn-errortype": code}, b'{"message": "SECRET"}'
    with pytest.raises(raised) as told:
        endpoint.invoke(BODY, ID)
    assert not getattr(told.value, "awaited", False), "the fallback may be asked"
    assert call_key(ID) not in world.store.objects
    assert "SECRET" not in str(told.value)


@pytest.mark.parametrize("elsewhere", ["s3://another/answers/1.out", f"s3://{BUCKET}", "", None])
def test_an_endpoint_that_writes_elsewhere_is_the_operators_mistake(
    server: HttpEndpoint, endpoint: AsynchronousEndpoint, elsewhere: str | None
) -> None:
    if elsewhere is None:
        del server.headers["X-Amzn-SageMaker-FailureLocation"]
    else:
        server.headers["X-Amzn-SageMaker-FailureLocation"] = elsewhere
    with pytest.raises(InvalidSetting, match=f"internvl must write to {BUCKET}; its FailureLocation is elsewhere"):
        endpoint.invoke(BODY, ID)


@pytest.mark.parametrize("mode", ["before", "after"])
def test_a_worker_that_dies_has_the_endpoint_asked_once_more_at_most(
    server: HttpEndpoint, world: World, made: Made, mode: Any
) -> None:
    """At every write to the bucket. Between the call and its note costs a second call, and so does between the answer's
    removal and what the worker makes of it."""
    asked = []
    for at in range(1, 10):
        world.store.objects.clear()
        server.requests.clear()
        gate = Gate(at, mode)
        world.store.objects[ANSWER] = b"{}"
        try:
            made(GatedStore(world.store, gate)).invoke(BODY, ID)
        except Crash:
            assert made().invoke(BODY, ID).data == b"{}"
        asked.append(len(server.requests))
        if not gate.reached:
            break
    # The request, the note, the deletion of both; then the process lives.
    assert asked == {"before": [1, 2, 1, 1], "after": [1, 1, 2, 1]}[mode]


def test_all_of_it_fits_into_the_time_that_a_call_of_an_endpoint_has() -> None:
    """Leases and the functions' time limits are measured by READ_TIMEOUT_S."""
    assert CONNECT_TIMEOUT_S + CALL_TIMEOUT_S + PATIENCE_S < READ_TIMEOUT_S
