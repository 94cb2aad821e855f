"""What a stage needs of an endpoint, and the ways to have one: SageMaker, any URL, or one behind the other.

No adapter retries: the worker's frame does, once for all.
"""

import json
from dataclasses import dataclass
from typing import Any, Protocol

from core.errors import ScrutineerError, Unavailable
from core.observability import logger, metrics
from core.settings import EndpointSettings

READ_TIMEOUT_S = (
    70  # SageMaker cuts a call off at 60 s; a client that gives up earlier would pay for work it never sees
)
PROMPT_READ_TIMEOUT_S = 22
CONNECT_TIMEOUT_S = 3


class EndpointUnavailable(Unavailable):
    """Busy, starting, failing or unreachable: another attempt may succeed."""

    code, title = "endpoint_unavailable", "The model endpoint is not available"


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

    def invoke(self, body: bytes, inference_id: str) -> Answered:
        """JSON in, JSON out. Raises EndpointUnavailable, EndpointRefused."""


class SageMakerEndpoint:
    """A SageMaker real-time endpoint; `client` is a boto3 sagemaker-runtime client with retries off."""

    def __init__(self, client: Any, endpoint_name: str) -> None:
        self._client = client
        self._endpoint_name = endpoint_name
        self._name = f"sagemaker:{endpoint_name}"

    def invoke(self, body: bytes, inference_id: str) -> Answered:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._client.invoke_endpoint(
                EndpointName=self._endpoint_name,
                ContentType="application/json",
                Accept="application/json",
                InferenceId=inference_id,
                Body=body,
            )
            data: bytes = answer["Body"].read()
        except ClientError as error:
            raise _translated(error.response) from error
        except BotoCoreError as error:
            raise EndpointUnavailable("The model endpoint did not answer.") from error
        return Answered(data, self._name)


class UrlEndpoint:
    """Anything that answers `POST <url>/invocations`: the same container on ECS, EC2 or a laptop."""

    def __init__(self, pool: Any, url: str) -> None:
        """`pool` is a urllib3 PoolManager."""
        self._pool = pool
        self._url = url.rstrip("/")
        self._name = f"url:{self._url}"

    def invoke(self, body: bytes, inference_id: str) -> Answered:
        from urllib3.exceptions import HTTPError

        try:
            answer = self._pool.request(
                "POST",
                f"{self._url}/invocations",
                body=body,
                headers={"Content-Type": "application/json", "X-Inference-Id": inference_id},
                retries=False,
            )
        except HTTPError as error:
            raise EndpointUnavailable("The model endpoint did not answer.") from error
        data: bytes = answer.data
        if answer.status == 200:
            return Answered(data, self._name)
        raise _by_status(answer.status, data)


class FallbackEndpoint:
    """Asks the second endpoint where the first is not available. What the first refuses, the second is not asked."""

    def __init__(self, first: Endpoint, second: Endpoint) -> None:
        self._first = first
        self._second = second

    def invoke(self, body: bytes, inference_id: str) -> Answered:
        try:
            return self._first.invoke(body, inference_id)
        except EndpointUnavailable as error:
            logger.warning("the fallback endpoint is asked", code=error.code)
            metrics.add_metric("EndpointFallbacks", "Count", 1)
            return self._second.invoke(body, inference_id)


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
    if settings.kind == "sagemaker":
        import boto3
        from botocore.config import Config

        config = Config(
            read_timeout=read_timeout_s, connect_timeout=CONNECT_TIMEOUT_S, retries={"total_max_attempts": 1}
        )
        return SageMakerEndpoint(boto3.client("sagemaker-runtime", config=config), settings.address)
    import urllib3

    timeout = urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=read_timeout_s)
    return UrlEndpoint(urllib3.PoolManager(timeout=timeout), settings.address)


def _translated(response: dict[str, Any]) -> ScrutineerError:
    """SageMaker's errors. A ModelError is the container's own answer, so its original status decides."""
    if response["Error"]["Code"] == "ModelError":
        original = str(response.get("OriginalMessage") or "").encode()
        return _by_status(int(response.get("OriginalStatusCode") or 500), original)
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 500)
    if response["Error"]["Code"] == "ThrottlingException":
        status = 429
    return _by_status(status)


def _by_status(status: int, body: bytes = b"") -> ScrutineerError:
    if status >= 500 or status in (408, 429):
        return EndpointUnavailable(f"The model endpoint answered {status}.")
    return EndpointRefused(status, body)


def _problem(body: bytes) -> dict[str, str]:
    """The texts of a problem by the container's contract: `code`, `detail`, `field`."""
    try:
        problem = json.loads(body)
    except ValueError:
        return {}
    if not isinstance(problem, dict) or not isinstance(problem.get("code"), str):
        return {}
    return {name: value for name, value in problem.items() if isinstance(value, str)}
