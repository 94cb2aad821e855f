"""An asynchronous endpoint of SageMaker: a request is handed over once, and whoever comes with it again waits on.

request ─► asynchronous/requests/ID.json ─► InvokeEndpointAsync ─► asynchronous/calls/ID.json, the note of it
SageMaker, when it is the request's turn ─► asynchronous/answers/…, or asynchronous/failures/…

Nothing comes in by itself. A worker whose patience is over lets the inspection go; the next attempt finds the note and
waits on. So an answer is taken by whoever holds the lease, and by nobody else (docs/adr/0033).
"""

import hashlib
import json
import math
import re
import time
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ValidationError

from core.endpoint import Answered, EndpointUnavailable, by_status
from core.errors import DeadlineExceeded, ScrutineerError, Unavailable
from core.observability import logger
from core.sagemaker_endpoint import errors_translated
from core.settings import InvalidSetting
from core.storage import ObjectStore, call_key, request_key

# Handing over and waiting are over before a real-time call would be, by which leases and time limits are measured.
CALL_TIMEOUT_S = 10
PATIENCE_S = 50
FIRST_PAUSE_S, LONGEST_PAUSE_S, PAUSE_GROWS_BY = 0.1, 2.0, 1.5
# How long a request may wait in SageMaker's queue, and then be worked on.
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointAsync.html
LEAST_QUEUED_S, MOST_QUEUED_S = 60, 3600
MODEL_TAKES_S = 900
LATE_S = 60  # until what was finished in time is in the bucket, and for clocks that differ
# SageMaker's words for an answer of a container that is no success, as in its logs and a ModelError's message.
RECEIVED = re.compile(rb'Received \w+ error \((\d{3})\) from .{1,100}? with message "(.*)"', re.DOTALL)


class Call(BaseModel):
    """The note: what was handed over, where SageMaker will write, and since when it will no longer (Unix time)."""

    sha256: str
    answer_key: str
    failure_key: str
    over_at: float


class AsynchronousEndpoint:
    """`client` is a boto3 sagemaker-runtime client with retries off; `store` is over `bucket`, to which the endpoint
    writes."""

    def __init__(
        self,
        client: Any,
        endpoint_name: str,
        store: ObjectStore,
        bucket: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`clock` measures pauses; `now` is Unix time."""
        self._client = client
        self._endpoint_name = endpoint_name
        self._store = store
        self._bucket = bucket
        self._clock = clock
        self._sleep = sleep
        self._now = now
        self._name = f"sagemaker:{endpoint_name}"

    def invoke(self, body: bytes, inference_id: str, timeout_s: float | None = None) -> Answered:
        """As `Endpoint` says. Raises Unavailable too, where the bucket is away; EndpointUnavailable with `awaited`
        while there is no answer yet."""
        patience_s = PATIENCE_S if timeout_s is None else min(PATIENCE_S, timeout_s)
        give_up_at = self._clock() + patience_s
        sha256 = hashlib.sha256(body).hexdigest()
        call = self._earlier(inference_id, sha256) or self._begin(body, sha256, inference_id, timeout_s)
        answer = self._awaited(call, inference_id, give_up_at)
        if answer is None and patience_s == timeout_s:
            raise DeadlineExceeded("The model endpoint did not answer before the deadline.")
        if answer is None:
            raise EndpointUnavailable(
                "The model endpoint has taken the request in; its answer is awaited.", awaited=True
            )
        self._forget(inference_id)
        return Answered(answer, self._name)

    def _earlier(self, inference_id: str, sha256: str) -> Call | None:
        """The call that an earlier attempt made with the same body, unless SageMaker has dropped it."""
        note = self._store.find(call_key(inference_id))
        call = None if note is None else _read(note)
        if call is None or call.sha256 != sha256:
            return None
        if self._now() >= call.over_at and self._outcome(call, inference_id) is None:
            logger.warning("the endpoint never answered; it is asked anew")
            return None
        return call

    def _begin(self, body: bytes, sha256: str, inference_id: str, timeout_s: float | None) -> Call:
        """A crash before the note is there lets the next attempt ask once more, and nobody reads this answer."""
        # Work that is late for its caller need not be begun.
        wanted_s = MOST_QUEUED_S if timeout_s is None else math.ceil(timeout_s)
        queued_s = min(max(wanted_s, LEAST_QUEUED_S), MOST_QUEUED_S)
        self._store.put(request_key(inference_id), body, "application/json")
        with errors_translated():
            taken = self._client.invoke_endpoint_async(
                EndpointName=self._endpoint_name,
                InputLocation=f"s3://{self._bucket}/{request_key(inference_id)}",
                InferenceId=inference_id,
                ContentType="application/json",
                Accept="application/json",
                RequestTTLSeconds=queued_s,
                InvocationTimeoutSeconds=MODEL_TAKES_S,
            )
        call = Call(
            sha256=sha256,
            answer_key=self._key(taken, "OutputLocation"),
            failure_key=self._key(taken, "FailureLocation"),
            over_at=self._now() + queued_s + MODEL_TAKES_S + LATE_S,
        )
        try:
            self._store.put(call_key(inference_id), call.model_dump_json().encode(), "application/json")
        except Unavailable as error:
            # The endpoint works for it, so this was an attempt.
            raise Unavailable(error.detail, attempted=True) from error
        return call

    def _awaited(self, call: Call, inference_id: str, give_up_at: float) -> bytes | None:
        pause_s = FIRST_PAUSE_S
        while (answer := self._outcome(call, inference_id)) is None:
            left_s = give_up_at - self._clock()
            if left_s <= 0:
                return None
            self._sleep(min(pause_s, left_s))
            pause_s = min(pause_s * PAUSE_GROWS_BY, LONGEST_PAUSE_S)
        return answer

    def _outcome(self, call: Call, inference_id: str) -> bytes | None:
        """The answer, or None while there is none. Raises for a failure, after which the next attempt asks anew."""
        answer = self._store.find(call.answer_key)
        if answer is None and (failure := self._store.find(call.failure_key)) is not None:
            self._store.delete([call_key(inference_id), request_key(inference_id)])
            raise _failed(failure)
        return answer

    def _forget(self, inference_id: str) -> None:
        """An answer that turns out to be unusable must not be found again, and nobody needs the photos in the request:
        where deleting fails they age out, or go with the inspection's."""
        try:
            self._store.delete([call_key(inference_id), request_key(inference_id)])
        except Unavailable as error:
            logger.warning("an answered call stays in the bucket", code=error.code)

    def _key(self, taken: dict[str, Any], name: str) -> str:
        """`s3://BUCKET/KEY` without its first part."""
        bucket, _, key = str(taken.get(name)).removeprefix("s3://").partition("/")
        if bucket != self._bucket or not key:
            raise InvalidSetting(f"{self._endpoint_name} must write to {self._bucket}; its {name} is elsewhere")
        return key


def _read(note: bytes) -> Call | None:
    try:
        return Call.model_validate_json(note)
    except ValidationError:
        logger.warning("the note of an asynchronous call can't be read")
        return None


def _failed(told: bytes) -> ScrutineerError:
    """By the container's status, which its problems name themselves and SageMaker's own words too. AWS does not say
    which of both is in a "failure inference response"; without a status it is a failure of the endpoint."""
    if received := RECEIVED.search(told):
        return by_status(int(received[1]), received[2])
    try:
        problem = json.loads(told)
    except ValueError:
        return by_status(500)
    status = problem.get("status") if isinstance(problem, dict) else None
    return by_status(status, told) if isinstance(status, int) and 400 <= status < 600 else by_status(500)
