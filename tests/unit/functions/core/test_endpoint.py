"""Both adapters against real HTTP on 127.0.0.1: what is sent, and which answers are worth another attempt."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3

from core import aws
from core.asynchronous_endpoint import CALL_TIMEOUT_S, AsynchronousEndpoint
from core.circuit_breaker import COOLDOWN_S, FAILURES_TO_OPEN, CircuitBreaker
from core.endpoint import (
    READ_TIMEOUT_S,
    Answered,
    EndpointRefused,
    EndpointUnavailable,
    FallbackEndpoint,
    GuardedEndpoint,
    UrlEndpoint,
    open_endpoint,
    open_prompt_endpoint,
)
from core.errors import DeadlineExceeded
from core.sagemaker_endpoint import SageMakerEndpoint, sagemaker_runtime
from core.settings import EndpointSettings, InvalidSetting
from tests.fakes.clock import FakeClock
from tests.fakes.http_endpoint import HttpEndpoint, serving
from tests.fakes.metrics import counted
from tests.fakes.runtime_client import runtime_client

ID = "insp_" + "a" * 26


@pytest.fixture
def server() -> Iterator[HttpEndpoint]:
    with serving() as running:
        yield running


@pytest.fixture
def pool() -> Iterator[urllib3.PoolManager]:
    with urllib3.PoolManager(timeout=urllib3.Timeout(connect=1, read=0.3)) as pool:
        yield pool


@pytest.fixture
def client(server: HttpEndpoint) -> Iterator[Any]:
    with runtime_client(server.url) as client:
        yield client


@pytest.fixture
def sagemaker(client: Any) -> SageMakerEndpoint:
    return SageMakerEndpoint(lambda _: client, "internvl")


def error(server: HttpEndpoint, status: int, code: str, **more: Any) -> None:
    """SageMaker's way to say no."""
    server.status = status
    server.headers = {"x-amzn-errortype": code}
    server.body = json.dumps({"message": "SECRET of the container"} | more).encode()


def test_url_request_and_answer(server: HttpEndpoint, pool: urllib3.PoolManager) -> None:
    server.body = b'{"answers": []}'
    endpoint = UrlEndpoint(pool, server.url + "/")
    assert endpoint.invoke(b'{"task": "inspect"}', ID) == Answered(b'{"answers": []}', f"url:{server.url}")
    ((path, headers, body),) = server.requests
    assert (path, body) == ("/invocations", b'{"task": "inspect"}')
    assert (headers["Content-Type"], headers["X-Inference-Id"]) == ("application/json", ID)


@pytest.mark.parametrize(
    ("status", "raised"),
    [
        (400, EndpointRefused),
        (404, EndpointRefused),
        (413, EndpointRefused),
        (422, EndpointRefused),
        (204, EndpointRefused),
        (302, EndpointRefused),
        (408, EndpointUnavailable),
        (429, EndpointUnavailable),
        (500, EndpointUnavailable),
        (503, EndpointUnavailable),
    ],
)
def test_url_status(server: HttpEndpoint, pool: urllib3.PoolManager, status: int, raised: type[Exception]) -> None:
    server.status, server.body = status, b"" if status == 204 else b"SECRET"
    server.headers = {"Location": f"{server.url}/elsewhere"} if status == 302 else {}
    with pytest.raises(raised, match=rf"answered {status}\.$"):
        UrlEndpoint(pool, server.url).invoke(b"{}", ID)
    assert len(server.requests) == 1, "neither retried nor redirected"


@pytest.mark.parametrize("cut", ["before", "inside"])
def test_url_closed_connection(server: HttpEndpoint, pool: urllib3.PoolManager, cut: str) -> None:
    server.cut = cut
    with pytest.raises(EndpointUnavailable, match="did not answer"):
        UrlEndpoint(pool, server.url).invoke(b"{}", ID)
    assert len(server.requests) == 1


def test_url_slow(server: HttpEndpoint, pool: urllib3.PoolManager) -> None:
    server.delay_s = 0.6
    with pytest.raises(EndpointUnavailable) as told:
        UrlEndpoint(pool, server.url, 0.3).invoke(b"{}", ID)
    assert told.value.attempted, "the endpoint may have worked for it"
    assert len(server.requests) == 1


def test_url_slower_than_the_deadline(server: HttpEndpoint, pool: urllib3.PoolManager) -> None:
    server.delay_s = 0.6
    with pytest.raises(DeadlineExceeded):
        UrlEndpoint(pool, server.url).invoke(b"{}", ID, 0.2)
    server.delay_s = 0
    assert UrlEndpoint(pool, server.url).invoke(b"{}", ID, 5)


def test_url_where_nobody_listens(pool: urllib3.PoolManager) -> None:
    with serving() as server:
        url = server.url
    with pytest.raises(EndpointUnavailable) as told:
        UrlEndpoint(pool, url).invoke(b"{}", ID)
    assert not told.value.attempted


def test_sagemaker_request_and_answer(server: HttpEndpoint, sagemaker: SageMakerEndpoint) -> None:
    server.body = b'{"answers": []}'
    assert sagemaker.invoke(b'{"task": "inspect"}', ID) == Answered(b'{"answers": []}', "sagemaker:internvl")
    ((path, headers, body),) = server.requests
    assert (path, body) == ("/endpoints/internvl/invocations", b'{"task": "inspect"}')
    assert headers["X-Amzn-SageMaker-Inference-Id"] == ID


@pytest.mark.parametrize(
    ("status", "code", "more", "raised"),
    [
        (424, "ModelError", {"OriginalStatusCode": 500, "OriginalMessage": "SECRET"}, EndpointUnavailable),
        (424, "ModelError", {"OriginalStatusCode": 503, "OriginalMessage": "SECRET"}, EndpointUnavailable),
        (424, "ModelError", {"OriginalStatusCode": 429, "OriginalMessage": "SECRET"}, EndpointUnavailable),
        (424, "ModelError", {"OriginalStatusCode": 400, "OriginalMessage": "SECRET"}, EndpointRefused),
        (424, "ModelError", {"OriginalStatusCode": 413, "OriginalMessage": "SECRET"}, EndpointRefused),
        (424, "ModelError", {}, EndpointUnavailable),
        (400, "ThrottlingException", {}, EndpointUnavailable),
        (400, "ValidationError", {}, EndpointRefused),
        (500, "InternalFailure", {}, EndpointUnavailable),
        (503, "ServiceUnavailable", {}, EndpointUnavailable),
        (429, "ModelNotReadyException", {}, EndpointUnavailable),
        (530, "InternalDependencyException", {}, EndpointUnavailable),
    ],
)
def test_sagemaker_errors(
    server: HttpEndpoint,
    sagemaker: SageMakerEndpoint,
    status: int,
    code: str,
    more: dict[str, Any],
    raised: type[EndpointRefused | EndpointUnavailable],
) -> None:
    error(server, status, code, **more)
    with pytest.raises(raised) as told:
        sagemaker.invoke(b"{}", ID)
    assert len(server.requests) == 1, "the SDK's own retries are off"
    assert "SECRET" not in told.value.detail


def test_a_component_of_an_endpoint_is_asked(server: HttpEndpoint, client: Any) -> None:
    server.body = b'{"answers": []}'
    answered = SageMakerEndpoint(lambda _: client, "internvl", component="inspect").invoke(b"{}", ID)
    assert answered.served_by == "sagemaker:internvl"
    ((_, headers, _),) = server.requests
    assert headers["X-Amzn-SageMaker-Inference-Component"] == "inspect"


def test_an_endpoint_without_components_is_not_asked_for_one(
    server: HttpEndpoint, sagemaker: SageMakerEndpoint
) -> None:
    server.body = b'{"answers": []}'
    sagemaker.invoke(b"{}", ID)
    ((_, headers, _),) = server.requests
    assert "X-Amzn-SageMaker-Inference-Component" not in headers


NO_CAPACITY = (
    "Inference Component has no capacity to process this request. ApplicationAutoScaling may be in-progress (if "
    "configured) or try to increase the capacity by invoking UpdateInferenceComponentRuntimeConfig API."
)


def test_an_endpoint_that_sleeps_was_not_attempted_and_opens_no_circuit(
    server: HttpEndpoint, sagemaker: SageMakerEndpoint
) -> None:
    error(server, 400, "ValidationError", message=NO_CAPACITY)
    breaker = CircuitBreaker(FakeClock().now)
    guarded = GuardedEndpoint(sagemaker, breaker)
    for _ in range(2 * FAILURES_TO_OPEN):
        with pytest.raises(EndpointUnavailable) as told:
            guarded.invoke(b"{}", ID)
        assert (told.value.busy, told.value.attempted) == (True, False)
    assert breaker.state == "closed", "each look may be the one that finds it awake"
    server.status, server.headers, server.body = 200, {}, b"{}"
    assert guarded.invoke(b"{}", ID).data == b"{}"


@pytest.mark.parametrize("cut", ["before", "inside"])
def test_sagemaker_closed_connection(server: HttpEndpoint, sagemaker: SageMakerEndpoint, cut: str) -> None:
    server.cut = cut
    with pytest.raises(EndpointUnavailable):
        sagemaker.invoke(b"{}", ID)
    assert len(server.requests) == 1


def test_sagemaker_slow(server: HttpEndpoint, sagemaker: SageMakerEndpoint) -> None:
    server.delay_s = 0.6
    with pytest.raises(EndpointUnavailable) as told:
        sagemaker.invoke(b"{}", ID)
    assert told.value.attempted
    assert len(server.requests) == 1


def test_sagemaker_slower_than_the_deadline(server: HttpEndpoint, sagemaker: SageMakerEndpoint) -> None:
    server.delay_s = 0.6
    with pytest.raises(DeadlineExceeded):
        sagemaker.invoke(b"{}", ID, 0.2)


@pytest.mark.parametrize(
    ("left_s", "asked_s"), [(None, 70), (0.3, 1), (1, 1), (7.5, 10), (40, 40), (40.5, 70), (500, 70)]
)
def test_sagemaker_waits_no_longer_than_is_left(left_s: float | None, asked_s: float) -> None:
    asked: list[float] = []

    def client_for(read_timeout_s: float) -> Any:
        asked.append(read_timeout_s)
        raise KeyError

    with pytest.raises(KeyError):
        SageMakerEndpoint(client_for, "internvl").invoke(b"{}", ID, left_s)
    assert asked == [asked_s]


def test_the_settings_name_the_adapter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    guarded = open_endpoint(EndpointSettings("url", "http://model"))
    assert isinstance(guarded, GuardedEndpoint)
    assert isinstance(guarded._endpoint, UrlEndpoint)
    guarded = open_endpoint(EndpointSettings("sagemaker", "internvl"))
    assert isinstance(guarded, GuardedEndpoint)
    endpoint = guarded._endpoint
    assert isinstance(endpoint, SageMakerEndpoint)
    for read_timeout_s in (READ_TIMEOUT_S, 5):
        client = endpoint._client_for(read_timeout_s)
        config = client.meta.config
        assert (config.read_timeout, config.retries["total_max_attempts"]) == (read_timeout_s, 1)
        assert endpoint._client_for(read_timeout_s) is client, "made once"
        client.close()
    sagemaker_runtime.cache_clear()


def test_an_asynchronous_endpoint_is_for_whoever_has_a_bucket_to_ask_by(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    settings = EndpointSettings("asynchronous", "internvl")
    guarded = open_endpoint(settings, bucket="inspections")
    assert isinstance(guarded, GuardedEndpoint)
    assert isinstance(guarded._endpoint, AsynchronousEndpoint)
    for refused in (lambda: open_endpoint(settings), lambda: open_prompt_endpoint(settings, None)):
        with pytest.raises(InvalidSetting, match="internvl can't answer whoever waits"):
            refused()
    sagemaker_runtime(CALL_TIMEOUT_S).close()
    sagemaker_runtime.cache_clear()
    aws.s3().close()
    aws.s3.cache_clear()


def test_a_fallback_is_opened_behind_it() -> None:
    first, second = EndpointSettings("url", "http://model"), EndpointSettings("url", "http://other")
    assert isinstance(open_endpoint(first, second), FallbackEndpoint)


class Scripted:
    """An endpoint that answers with its own name, or raises."""

    def __init__(self, name: str, error: Exception | None = None) -> None:
        self.name = name
        self.error = error
        self.asked = 0
        self.left_s: float | None = None

    def invoke(self, body: bytes, inference_id: str, timeout_s: float | None = None) -> Answered:
        self.asked += 1
        self.left_s = timeout_s
        if self.error:
            raise self.error
        return Answered(body, self.name)


def test_the_fallback_is_asked_where_the_first_is_away_and_the_answer_says_so() -> None:
    first, second = Scripted("first", EndpointUnavailable("away")), Scripted("second")
    assert FallbackEndpoint(first, second).invoke(b"x", ID) == Answered(b"x", "second")
    first.error = None
    assert FallbackEndpoint(first, second).invoke(b"x", ID) == Answered(b"x", "first")
    assert (first.asked, second.asked) == (2, 1)


def test_the_fallback_is_not_asked_for_what_the_first_has_taken_in() -> None:
    first, second = Scripted("first", EndpointUnavailable("later", awaited=True)), Scripted("second")
    with pytest.raises(EndpointUnavailable, match="later"):
        FallbackEndpoint(first, second).invoke(b"x", ID)
    assert second.asked == 0


def test_the_fallback_has_the_time_that_is_left() -> None:
    first, second = Scripted("first", EndpointUnavailable("away")), Scripted("second")
    FallbackEndpoint(first, second).invoke(b"x", ID, 10)
    assert first.left_s == 10
    assert second.left_s is not None
    assert 9 < second.left_s <= 10


def test_an_endpoint_that_failed_again_and_again_is_not_asked() -> None:
    clock = FakeClock()
    first, second = Scripted("first", EndpointUnavailable("away")), Scripted("second")
    endpoint = FallbackEndpoint(GuardedEndpoint(first, CircuitBreaker(clock.now)), second)
    for _ in range(2 * FAILURES_TO_OPEN):
        assert endpoint.invoke(b"x", ID).served_by == "second"
    assert first.asked == FAILURES_TO_OPEN
    clock.sleep(COOLDOWN_S)
    assert endpoint.invoke(b"x", ID).served_by == "second", "the probe failed"
    assert first.asked == FAILURES_TO_OPEN + 1
    first.error = None
    clock.sleep(2 * COOLDOWN_S)
    assert [endpoint.invoke(b"x", ID).served_by for _ in range(2)] == ["first", "first"]
    changes = {name: sum(counted(f"EndpointCircuit{name}")) for name in ("sOpened", "sClosed", "Refusals")}
    assert changes == {"sOpened": 2, "sClosed": 1, "Refusals": FAILURES_TO_OPEN}


@pytest.mark.parametrize(
    "error",
    [
        EndpointUnavailable("full", busy=True),
        EndpointUnavailable("later", awaited=True),
        EndpointRefused(413),
        DeadlineExceeded("late"),
        KeyError("bug"),
    ],
)
def test_what_says_nothing_against_an_endpoint_opens_no_circuit(error: Exception) -> None:
    first = Scripted("first", error)
    guarded = GuardedEndpoint(first, CircuitBreaker(FakeClock().now))
    for _ in range(3 * FAILURES_TO_OPEN):
        with pytest.raises(type(error)):
            guarded.invoke(b"x", ID)
    assert first.asked == 3 * FAILURES_TO_OPEN


def test_an_open_circuit_is_no_attempt() -> None:
    guarded = GuardedEndpoint(
        Scripted("first", EndpointUnavailable("x", attempted=True)), CircuitBreaker(FakeClock().now)
    )
    attempted = []
    for _ in range(FAILURES_TO_OPEN + 1):
        with pytest.raises(EndpointUnavailable) as told:
            guarded.invoke(b"x", ID)
        attempted.append(told.value.attempted)
    assert attempted == [True] * FAILURES_TO_OPEN + [False]


@pytest.mark.parametrize(
    ("status", "body", "attempted", "busy"),
    [
        (500, b"", True, False),
        (504, b"", True, False),
        (503, b"", False, False),
        (429, b"", False, True),
        (503, b'{"code": "overloaded"}', False, True),
        (503, b'{"code": "not_ready"}', False, False),
    ],
)
def test_what_counts_as_an_attempt(
    server: HttpEndpoint, pool: urllib3.PoolManager, status: int, body: bytes, attempted: bool, busy: bool
) -> None:
    server.status, server.body = status, body
    with pytest.raises(EndpointUnavailable) as told:
        UrlEndpoint(pool, server.url).invoke(b"{}", ID)
    assert (told.value.attempted, told.value.busy) == (attempted, busy)


def test_what_the_first_refuses_is_refused() -> None:
    first, second = Scripted("first", EndpointRefused(413)), Scripted("second")
    with pytest.raises(EndpointRefused):
        FallbackEndpoint(first, second).invoke(b"x", ID)
    assert second.asked == 0


def test_both_away() -> None:
    first, second = (Scripted(name, EndpointUnavailable(name)) for name in ("first", "second"))
    with pytest.raises(EndpointUnavailable, match="second"):
        FallbackEndpoint(first, second).invoke(b"x", ID)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (
            b'{"code": "text_too_long", "detail": "x", "field": "inputs[0].text", "status": 400}',
            {"code": "text_too_long", "detail": "x", "field": "inputs[0].text"},
        ),
        (b"", {}),
        (b"not JSON", {}),
        (b"[]", {}),
        (b'{"detail": "without a code"}', {}),
    ],
)
def test_what_the_container_said_is_kept(body: bytes, problem: dict[str, str]) -> None:
    refused = EndpointRefused(400, body)
    assert refused.problem == problem
    assert refused.detail == "The model endpoint answered 400."
