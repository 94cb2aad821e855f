"""What the stage needs of an endpoint, and the two ways to have one: SageMaker, or any URL.

Neither adapter retries: the worker's frame does, once for all.
"""

from typing import Any, Protocol

from core.errors import ScrutineerError, Unavailable
from invoke.settings import EndpointSettings

READ_TIMEOUT_S = (
    70  # SageMaker cuts a call off at 60 s; a client that gives up earlier would pay for work it never sees
)
CONNECT_TIMEOUT_S = 3


class EndpointUnavailable(Unavailable):
    """Busy, starting, failing or unreachable: another attempt may succeed."""

    code, title = "endpoint_unavailable", "The model endpoint is not available"


class EndpointRefused(ScrutineerError):
    """The endpoint understood the request and will not serve it; asking again changes nothing."""

    code, status, title = "endpoint_refused", 502, "The model endpoint refused the request"


class Endpoint(Protocol):
    """One place that speaks `/invocations`."""

    name: str

    def invoke(self, body: bytes, inspection_id: str) -> bytes:
        """JSON in, JSON out. Raises EndpointUnavailable, EndpointRefused."""


class SageMakerEndpoint:
    """A SageMaker real-time endpoint; `client` is a boto3 sagemaker-runtime client with retries off."""

    def __init__(self, client: Any, endpoint_name: str) -> None:
        self._client = client
        self._endpoint_name = endpoint_name
        self.name = f"sagemaker:{endpoint_name}"

    def invoke(self, body: bytes, inspection_id: str) -> bytes:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._client.invoke_endpoint(
                EndpointName=self._endpoint_name,
                ContentType="application/json",
                Accept="application/json",
                InferenceId=inspection_id,
                Body=body,
            )
            data: bytes = answer["Body"].read()
        except ClientError as error:
            raise _translated(error.response) from error
        except BotoCoreError as error:
            raise EndpointUnavailable("The model endpoint did not answer.") from error
        return data


class UrlEndpoint:
    """Anything that answers `POST <url>/invocations`: the same container on ECS, EC2 or a laptop."""

    def __init__(self, pool: Any, url: str) -> None:
        """`pool` is a urllib3 PoolManager."""
        self._pool = pool
        self._url = url.rstrip("/")
        self.name = f"url:{self._url}"

    def invoke(self, body: bytes, inspection_id: str) -> bytes:
        from urllib3.exceptions import HTTPError

        try:
            answer = self._pool.request(
                "POST",
                f"{self._url}/invocations",
                body=body,
                headers={"Content-Type": "application/json", "X-Inference-Id": inspection_id},
                retries=False,
            )
        except HTTPError as error:
            raise EndpointUnavailable("The model endpoint did not answer.") from error
        data: bytes = answer.data
        if answer.status == 200:
            return data
        raise _by_status(answer.status)


def open_endpoint(settings: EndpointSettings) -> Endpoint:
    """The adapter that the settings name."""
    if settings.kind == "sagemaker":
        import boto3
        from botocore.config import Config

        config = Config(
            read_timeout=READ_TIMEOUT_S, connect_timeout=CONNECT_TIMEOUT_S, retries={"total_max_attempts": 1}
        )
        return SageMakerEndpoint(boto3.client("sagemaker-runtime", config=config), settings.address)
    import urllib3

    timeout = urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=READ_TIMEOUT_S)
    return UrlEndpoint(urllib3.PoolManager(timeout=timeout), settings.address)


def _translated(response: dict[str, Any]) -> ScrutineerError:
    """SageMaker's errors. A ModelError is the container's own answer, so its original status decides."""
    if response["Error"]["Code"] == "ModelError":
        return _by_status(int(response.get("OriginalStatusCode") or 500))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 500)
    if response["Error"]["Code"] == "ThrottlingException":
        status = 429
    return _by_status(status)


def _by_status(status: int) -> ScrutineerError:
    if status >= 500 or status in (408, 429):
        return EndpointUnavailable(f"The model endpoint answered {status}.")
    return EndpointRefused(f"The model endpoint answered {status}.")
