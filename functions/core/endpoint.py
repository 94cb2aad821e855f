"""What a stage needs of an endpoint, and the ways to have one: SageMaker, any URL, or one behind the other.

No adapter retries: the worker's frame does, once for all. Each endpoint has a circuit breaker in front.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from core.circuit_breaker import CircuitBreaker
from core.errors import DeadlineExceeded, ScrutineerError, Unavailable
from core.observability import logger, metrics
from core.settings import EndpointSettings

READ_TIMEOUT_S = (
    70  # SageMaker cuts a call off at 60 s; a client that gives up earlier would pay for work it never sees
)
PROMPT_READ_TIMEOUT_S = 22
CONNECT_TIMEOUT_S = 3
HURRIED_READ_TIMEOUTS_S = (1, 2, 5, 10, 20, 40)  # a boto3 client has one timeout for all its calls
# "Inference Component has no capacity to process this request. ApplicationAutoScaling may be in-progress […]", with
# status 400 and the code of any mistake in a request: what an endpoint at zero copies says until one has started.
# https://aws.amazon.com/blogs/machine-learning/unlock-cost-savings-with-the-new-scale-down-to-zero-feature-in-amazon-sagemaker-inference/
ASLEEP = "has no capacity"


class EndpointUnavailable(Unavailable):
    """Busy, asleep, failing or unreachable: another attempt may succeed.

    `busy`: it is well and has no room, or no copy yet; it was not `attempted` then, nor where nobody answered at all.
    """

    code, title = "endpoint_unavailable", "The model endpoint is not available"

    def __init__(self, detail: str, *, attempted: bool = False, busy: bool = False) -> None:
        super().__init__(detail, attempted=attempted)
        self.busy = busy


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


class SageMakerEndpoint:
    """A SageMaker real-time endpoint; `client_for` gives a boto3 sagemaker-runtime client with retries off and so many
    seconds to read an answer. An endpoint of inference components is asked for one of them."""

    def __init__(
        self,
        client_for: Callable[[float], Any],
        endpoint_name: str,
        read_timeout_s: float = READ_TIMEOUT_S,
        *,
        component: str = "",
    ) -> None:
        self._client_for = client_for
        self._endpoint_name = endpoint_name
        self._component = {"InferenceComponentName": component} if component else {}
        self._read_timeout_s = read_timeout_s
        self._name = f"sagemaker:{endpoint_name}"

    def invoke(self, body: bytes, inference_id: str, timeout_s: float | None = None) -> Answered:
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            ConnectTimeoutError,
            EndpointConnectionError,
            ReadTimeoutError,
        )

        read_timeout_s = next(
            (
                each
                for each in HURRIED_READ_TIMEOUTS_S
                if timeout_s is not None and timeout_s <= each < self._read_timeout_s
            ),
            self._read_timeout_s,
        )
        try:
            answer = self._client_for(read_timeout_s).invoke_endpoint(
                EndpointName=self._endpoint_name,
                ContentType="application/json",
                Accept="application/json",
                InferenceId=inference_id,
                Body=body,
                **self._component,
            )
            data: bytes = answer["Body"].read()
        except ClientError as error:
            raise _translated(error.response) from error
        except (EndpointConnectionError, ConnectTimeoutError) as error:
            raise _unanswered(attempted=False) from error
        except ReadTimeoutError as error:
            raise _too_slow(hurried=read_timeout_s < self._read_timeout_s) from error
        except BotoCoreError as error:
            raise _unanswered(attempted=True) from error
        return Answered(data, self._name)


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
            raise _unanswered(attempted=False) from error
        except ReadTimeoutError as error:
            raise _too_slow(hurried) from error
        except HTTPError as error:
            raise _unanswered(attempted=True) from error
        data: bytes = answer.data
        if answer.status == 200:
            return Answered(data, self._name)
        raise _by_status(answer.status, data)


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
    """Asks the second endpoint where the first is not available. What the first refuses, the second is not asked."""

    def __init__(self, first: Endpoint, second: Endpoint) -> None:
        self._first = first
        self._second = second

    def invoke(self, body: bytes, inference_id: str, timeout_s: float | None = None) -> Answered:
        start = time.monotonic()
        try:
            return self._first.invoke(body, inference_id, timeout_s)
        except EndpointUnavailable as error:
            logger.warning("the fallback endpoint is asked", code=error.code)
            metrics.add_metric("EndpointFallbacks", "Count", 1)
            left_s = None if timeout_s is None else max(0.001, timeout_s - (time.monotonic() - start))
            return self._second.invoke(body, inference_id, left_s)


def open_endpoint(
    settings: EndpointSettings, fallback: EndpointSettings | None = None, read_timeout_s: float = READ_TIMEOUT_S
) -> Endpoint:
    """The adapter that the settings name, with the fallback behind it if there is one."""
    first = _open(settings, read_timeout_s)
    return FallbackEndpoint(first, _open(fallback, read_timeout_s)) if fallback else first


def open_prompt_endpoint(settings: EndpointSettings | None, fallback: EndpointSettings | None) -> Endpoint | None:
    """One whose client waits at the gateway: both are asked within its 29 s. None where nothing is configured."""
    if settings is None:
        return None
    return open_endpoint(settings, fallback, PROMPT_READ_TIMEOUT_S / (2 if fallback else 1))


def _open(settings: EndpointSettings, read_timeout_s: float) -> Endpoint:
    return GuardedEndpoint(_adapter(settings, read_timeout_s), CircuitBreaker(time.monotonic))


def _adapter(settings: EndpointSettings, read_timeout_s: float) -> Endpoint:
    if settings.kind == "sagemaker":
        return SageMakerEndpoint(_sagemaker_runtime, settings.address, read_timeout_s, component=settings.component)
    import urllib3

    return UrlEndpoint(urllib3.PoolManager(), settings.address, read_timeout_s)


@cache
def _sagemaker_runtime(read_timeout_s: float) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(read_timeout=read_timeout_s, connect_timeout=CONNECT_TIMEOUT_S, retries={"total_max_attempts": 1})
    return boto3.client("sagemaker-runtime", config=config)


def _translated(response: dict[str, Any]) -> ScrutineerError:
    """SageMaker's errors. A ModelError is the container's own answer, so its original status decides."""
    if response["Error"]["Code"] == "ModelError":
        original = str(response.get("OriginalMessage") or "").encode()
        return _by_status(int(response.get("OriginalStatusCode") or 500), original)
    if response["Error"]["Code"] == "ValidationError" and ASLEEP in str(response["Error"].get("Message")):
        metrics.add_metric("EndpointAsleep", "Count", 1)
        return EndpointUnavailable("The model endpoint has no copy of the model running yet.", busy=True)
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 500)
    if response["Error"]["Code"] == "ThrottlingException":
        status = 429
    return _by_status(status)


def _by_status(status: int, body: bytes = b"") -> ScrutineerError:
    if status >= 500 or status in (408, 429):
        busy = status == 429 or _problem(body).get("code") == "overloaded"
        return EndpointUnavailable(
            f"The model endpoint answered {status}.", attempted=not busy and status != 503, busy=busy
        )
    return EndpointRefused(status, body)


def _unanswered(*, attempted: bool) -> EndpointUnavailable:
    return EndpointUnavailable("The model endpoint did not answer.", attempted=attempted)


def _too_slow(hurried: bool) -> ScrutineerError:
    if hurried:
        return DeadlineExceeded("The model endpoint did not answer before the deadline.")
    return _unanswered(attempted=True)


def _problem(body: bytes) -> dict[str, str]:
    """The texts of a problem by the container's contract: `code`, `detail`, `field`."""
    try:
        problem = json.loads(body)
    except ValueError:
        return {}
    if not isinstance(problem, dict) or not isinstance(problem.get("code"), str):
        return {}
    return {name: value for name, value in problem.items() if isinstance(value, str)}
