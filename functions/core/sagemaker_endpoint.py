"""A real-time endpoint of SageMaker, and what SageMaker's errors mean."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from core.endpoint import (
    CONNECT_TIMEOUT_S,
    READ_TIMEOUT_S,
    Answered,
    EndpointUnavailable,
    by_status,
    too_slow,
    unanswered,
)
from core.errors import ScrutineerError
from core.observability import metrics

HURRIED_READ_TIMEOUTS_S = (1, 2, 5, 10, 20, 40)  # a boto3 client has one timeout for all its calls
# "Inference Component has no capacity to process this request. ApplicationAutoScaling may be in-progress […]", with
# status 400 and the code of any mistake in a request: what an endpoint at zero copies says until one has started.
# https://aws.amazon.com/blogs/machine-learning/unlock-cost-savings-with-the-new-scale-down-to-zero-feature-in-amazon-sagemaker-inference/
ASLEEP = "has no capacity"


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
        read_timeout_s = next(
            (
                each
                for each in HURRIED_READ_TIMEOUTS_S
                if timeout_s is not None and timeout_s <= each < self._read_timeout_s
            ),
            self._read_timeout_s,
        )
        with errors_translated(hurried=read_timeout_s < self._read_timeout_s):
            answer = self._client_for(read_timeout_s).invoke_endpoint(
                EndpointName=self._endpoint_name,
                ContentType="application/json",
                Accept="application/json",
                InferenceId=inference_id,
                Body=body,
                **self._component,
            )
            data: bytes = answer["Body"].read()
        return Answered(data, self._name)


@cache
def sagemaker_runtime(read_timeout_s: float) -> Any:
    """A boto3 client with so much patience, and without retries of its own."""
    import boto3
    from botocore.config import Config

    config = Config(read_timeout=read_timeout_s, connect_timeout=CONNECT_TIMEOUT_S, retries={"total_max_attempts": 1})
    return boto3.client("sagemaker-runtime", config=config)


@contextmanager
def errors_translated(*, hurried: bool = False) -> Iterator[None]:
    """Raises EndpointUnavailable, EndpointRefused, and DeadlineExceeded where the time to read was cut short."""
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        ConnectTimeoutError,
        EndpointConnectionError,
        ReadTimeoutError,
    )

    try:
        yield
    except ClientError as error:
        raise _translated(error.response) from error
    except (EndpointConnectionError, ConnectTimeoutError) as error:
        raise unanswered(attempted=False) from error
    except ReadTimeoutError as error:
        raise too_slow(hurried) from error
    except BotoCoreError as error:
        raise unanswered(attempted=True) from error


def _translated(response: dict[str, Any]) -> ScrutineerError:
    """SageMaker's errors. A ModelError is the container's own answer, so its original status decides."""
    if response["Error"]["Code"] == "ModelError":
        original = str(response.get("OriginalMessage") or "").encode()
        return by_status(int(response.get("OriginalStatusCode") or 500), original)
    if response["Error"]["Code"] == "ValidationError" and ASLEEP in str(response["Error"].get("Message")):
        metrics.add_metric("EndpointAsleep", "Count", 1)
        return EndpointUnavailable("The model endpoint has no copy of the model running yet.", busy=True)
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 500)
    if response["Error"]["Code"] == "ThrottlingException":
        status = 429
    return by_status(status)
