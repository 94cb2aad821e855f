"""What a stage needs of an endpoint, and the ways to have one: SageMaker, any URL, or one behind the other.

Here is the way by URL, with what all have in common; SageMaker's are in `sagemaker_endpoint.py` and
`asynchronous_endpoint.py`.

No adapter retries: the worker's frame does, once for all. Each endpoint has a circuit breaker in front.
"""

import json
import time
from dataclasses import dataclass
from typing import Any, Protocol

from core.circuit_breaker import CircuitBreaker
from core.errors import DeadlineExceeded, ScrutineerError, Unavailable
from core.observability import logger, metrics
from core.settings import EndpointSettings, InvalidSetting

READ_TIMEOUT_S = (
    70  # SageMaker cuts a call off at 60 s; a client that gives up earlier would pay for work it never sees
)
PROMPT_READ_TIMEOUT_S = 22
CONNECT_TIMEOUT_S = 3


class EndpointUnavailable(Unavailable):
    """Busy, asleep, failing or unreachable: another attempt may succeed.

    `busy`: it is well and has no room, or no copy yet; it was not `attempted` then, nor where nobody answered at all.
    `awaited`: it is busy with this very request, so no other endpoint need be asked.
    """

    code, title = "endpoint_unavailable", "The model endpoint is not available"

    def __init__(self, detail: str, *, attempted: bool = False, busy: bool = False, awaited: bool = False) -> None:
        super().__init__(detail, attempted=attempted)
        self.busy = busy or awaited
        self.awaited = awaited


class EndpointRefused(ScrutineerError):
    """The endpoint understood the request and will not serve it; asking again changes nothing.

    `problem` is what it said, where that was a problem of its contract, else empty.
    """

    code, status, title = "endpoint_refused", 502, "The model endpoint refused the request"

    def __init__(self, status: int, body: bytes = b"") -> None:
        super().__init__(f"The model endpoint answered {status}.")
        self.problem = _problem(body)


@dataclass(frozen=True)
class Answered:
    """What an endpoint answered, and which one it was."""

    data: bytes
    served_by: str


class Endpoint(Protocol):
    """One place that speaks `/invocations`."""

    def invoke(self, body: bytes, inference_id: str, timeout_s: float | None = None) -> Answered:
        """JSON in, JSON out; waits `timeout_s` at most where that is shorter than the endpoint's own time.

        Raises EndpointUnavailable, EndpointRefused, and DeadlineExceeded where `timeout_s` was over first.
        """


class UrlEndpoint:
    """Anything that answers `POST <url>/invocations`: the same container on ECS, EC2 or a laptop."""

    def __init__(self, pool: Any, url: str, read_timeout_s: float = READ_TIMEOUT_S) -> None:
        """`pool` is a urllib3 PoolManager."""
        self._pool = pool
        self._url = url.rstrip("/")
        self._read_timeout_s = read_timeout_s
        self._name = f"url:{self._url}"

    def invoke(self, body: bytes, inference_id: str, timeout_s: float | None = None) -> Answered:
        from urllib3 import Timeout
        from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError

        hurried = timeout_s is not None and timeout_s < self._read_timeout_s
        read_timeout_s = timeout_s if hurried else self._read_timeout_s
        try:
            answer = self._pool.request(
                "POST",
                f"{self._url}/invocations",
                body=body,
                headers={"Content-Type": "application/json", "X-Inference-Id": inference_id},
                retries=False,
                timeout=Timeout(connect=CONNECT_TIMEOUT_S, read=read_timeout_s),
            )
        except (NewConnectionError, ConnectTimeoutError) as error:
            raise unanswered(attempted=False) from error
        except ReadTimeoutError as error:
            raise too_slow(hurried) from error
        except HTTPError as error:
            raise unanswered(attempted=True) from error
        data: bytes = answer.data
        if answer.status == 200:
            return Answered(data, self._name)
        raise by_status(answer.status, data)


class GuardedEndpoint:
    """An endpoint behind a circuit breaker: what failed again and again is not asked for a while."""

    def __init__(self, endpoint: Endpoint, breaker: CircuitBreaker) -> None:
        self._endpoint = endpoint
        self._breaker = breaker

    def invoke(self, body: bytes, inference_id: str, timeout_s: float | None = None) -> Answered:
        ticket = self._breaker.admit()
        if ticket is None:
            metrics.add_metric("EndpointCircuitRefusals", "Count", 1)
            raise EndpointUnavailable("The model endpoint is not asked for now: its last answers were failures.")
        try:
            answered = self._endpoint.invoke(body, inference_id, timeout_s)
        except EndpointUnavailable as error:
            if error.busy:
                self._breaker.told_nothing(ticket)
            elif self._breaker.failed(ticket):
                logger.warning("the endpoint's circuit is open")
                metrics.add_metric("EndpointCircuitsOpened", "Count", 1)
            raise
        except EndpointRefused:
            self._note_success(ticket)
            raise
        except BaseException:
            self._breaker.told_nothing(ticket)
            raise
        self._note_success(ticket)
        return answered

    def _note_success(self, ticket: int) -> None:
        if self._breaker.succeeded(ticket):
            logger.info("the endpoint's circuit is closed again")
            metrics.add_metric("EndpointCircuitsClosed", "Count", 1)


class FallbackEndpoint:
    """Asks the second endpoint where the first is not available.

    What the first refuses, or has taken in and will answer later, the second is not asked.
    """

    def __init__(self, first: Endpoint, second: Endpoint) -> None:
        self._first = first
        self._second = second

    def invoke(self, body: bytes, inference_id: str, timeout_s: float | None = None) -> Answered:
        start = time.monotonic()
        try:
            return self._first.invoke(body, inference_id, timeout_s)
        except EndpointUnavailable as error:
            if error.awaited:
                raise
            logger.warning("the fallback endpoint is asked", code=error.code)
            metrics.add_metric("EndpointFallbacks", "Count", 1)
            left_s = None if timeout_s is None else max(0.001, timeout_s - (time.monotonic() - start))
            return self._second.invoke(body, inference_id, left_s)


def open_endpoint(
    settings: EndpointSettings,
    fallback: EndpointSettings | None = None,
    read_timeout_s: float = READ_TIMEOUT_S,
    *,
    bucket: str = "",
) -> Endpoint:
    """The adapter that the settings name, with the fallback behind it if there is one.

    An asynchronous endpoint is asked by way of `bucket`. Raises InvalidSetting for one without: whoever has none waits
    for the answer, which may take minutes there.
    """
    first = _open(settings, read_timeout_s, bucket)
    return FallbackEndpoint(first, _open(fallback, read_timeout_s, bucket)) if fallback else first


def open_prompt_endpoint(settings: EndpointSettings | None, fallback: EndpointSettings | None) -> Endpoint | None:
    """One whose client waits at the gateway: both are asked within its 29 s. None where nothing is configured."""
    if settings is None:
        return None
    return open_endpoint(settings, fallback, PROMPT_READ_TIMEOUT_S / (2 if fallback else 1))


def _open(settings: EndpointSettings, read_timeout_s: float, bucket: str) -> Endpoint:
    return GuardedEndpoint(_adapter(settings, read_timeout_s, bucket), CircuitBreaker(time.monotonic))


def _adapter(settings: EndpointSettings, read_timeout_s: float, bucket: str) -> Endpoint:
    """Only the one that is asked for is imported."""
    if settings.kind == "sagemaker":
        from core.sagemaker_endpoint import SageMakerEndpoint, sagemaker_runtime

        return SageMakerEndpoint(sagemaker_runtime, settings.address, read_timeout_s, component=settings.component)
    if settings.kind == "asynchronous":
        if not bucket:
            raise InvalidSetting(f"the asynchronous endpoint {settings.address} can't answer whoever waits for it")
        from core import aws
        from core.asynchronous_endpoint import CALL_TIMEOUT_S, AsynchronousEndpoint
        from core.sagemaker_endpoint import sagemaker_runtime
        from core.storage import S3ObjectStore

        client = sagemaker_runtime(CALL_TIMEOUT_S)
        return AsynchronousEndpoint(client, settings.address, S3ObjectStore(aws.s3(), bucket), bucket)
    import urllib3

    return UrlEndpoint(urllib3.PoolManager(), settings.address, read_timeout_s)


def by_status(status: int, body: bytes = b"") -> ScrutineerError:
    """What an answer of the container means that is none."""
    if status >= 500 or status in (408, 429):
        busy = status == 429 or _problem(body).get("code") == "overloaded"
        return EndpointUnavailable(
            f"The model endpoint answered {status}.", attempted=not busy and status != 503, busy=busy
        )
    return EndpointRefused(status, body)


def unanswered(*, attempted: bool) -> EndpointUnavailable:
    return EndpointUnavailable("The model endpoint did not answer.", attempted=attempted)


def too_slow(hurried: bool) -> ScrutineerError:
    if hurried:
        return DeadlineExceeded("The model endpoint did not answer before the deadline.")
    return unanswered(attempted=True)


def _problem(body: bytes) -> dict[str, str]:
    """The texts of a problem by the container's contract: `code`, `detail`, `field`."""
    try:
        problem = json.loads(body)
    except ValueError:
        return {}
    if not isinstance(problem, dict) or not isinstance(problem.get("code"), str):
        return {}
    return {name: value for name, value in problem.items() if isinstance(value, str)}
