"""CloudFormation's protocol of a custom resource: an event in, one answer to the address that the event brings.

Whoever does not answer lets a deployment hang until its time is up, and a failed Delete keeps a stack from ever going.
So an answer is given whatever happens, once, and to a Delete it is always yes.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
"""

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from core.observability import logger, where
from migrate.errors import UpdateFailed

PHYSICAL_ID = "migrations"  # one for good: another would make CloudFormation delete the one before
LONGEST_REASON = 2000  # in bytes of JSON; the whole answer may have 4,096, and some of that is identifiers
MARGIN_S = 20.0  # before the function's own end, so that there is time to answer
PAUSES_S = (1.0, 2.0, 4.0)
SEND_TIMEOUT_S = 4

Send = Callable[[str, bytes], None]


class Answer:
    """To one event, given by whoever comes first: the work that ended, or the clock."""

    def __init__(self, event: Mapping[str, Any], send: Send) -> None:
        self._event = event
        self._send = send
        self._given = False
        self._lock = threading.Lock()

    def success(self, data: Mapping[str, str] | None = None) -> None:
        self._give("SUCCESS", "", data or {})

    def failure(self, reason: str) -> None:
        self._give("FAILED", reason, {})

    def _give(self, status: str, reason: str, data: Mapping[str, str]) -> None:
        with self._lock:
            if self._given:
                return
            self._given = True
        body = {
            "Status": status,
            "Reason": shortened(reason),
            "PhysicalResourceId": self._event.get("PhysicalResourceId") or PHYSICAL_ID,
            **{name: self._event[name] for name in ("StackId", "RequestId", "LogicalResourceId")},
            "Data": data,
        }
        try:
            self._send(self._event["ResponseURL"], json.dumps(body).encode())
        except OSError as error:
            # Nobody else can be told: CloudFormation gives up by itself after the resource's ServiceTimeout. The
            # address is signed, so it is not logged.
            logger.error("the answer did not arrive", status=status, error_type=type(error).__name__)


def handle(
    event: Mapping[str, Any], work: Callable[[], Mapping[str, str]], *, remaining_s: float, send: Send | None = None
) -> None:
    """Does `work` for a Create and an Update, nothing for a Delete, and answers. `remaining_s`: of the function's time.

    Raises nothing: Lambda would send the event again to a function that failed.
    """
    answer = Answer(event, send or put)
    kind = event.get("RequestType")
    if kind == "Delete":
        # The tables go with the database, or stay with it.
        answer.success()
        return
    if kind not in ("Create", "Update"):
        answer.failure(f"There is no RequestType {kind!r}.")
        return
    clock = threading.Timer(max(remaining_s - MARGIN_S, 0), answer.failure, (OUT_OF_TIME,))
    clock.daemon = True
    clock.start()
    try:
        answer.success(work())
    except UpdateFailed as error:
        logger.error("update failed", code=error.code, detail=error.detail)
        answer.failure(error.detail)
    except Exception as error:  # the outermost edge
        logger.error("update failed", error_type=type(error).__name__, where=where(error))
        answer.failure(f"{type(error).__name__} at {where(error)}; see the function's log.")
    finally:
        clock.cancel()


OUT_OF_TIME = (
    "The migrations did not end within the function's time. What runs in the database goes on there: wait for it to end"
    " (SHOW PROCESSLIST), then deploy again, which goes on after it."
)


def put(url: str, body: bytes, pauses_s: Sequence[float] = PAUSES_S) -> None:
    """Sends the answer, again where that fails. Raises OSError (urllib's errors among them)."""
    # The address is signed for an empty type.
    request = urllib.request.Request(url, data=body, method="PUT", headers={"Content-Type": ""})
    for pause_s in (*pauses_s, None):
        try:
            with urllib.request.urlopen(request, timeout=SEND_TIMEOUT_S):
                return
        except OSError:
            if pause_s is None:
                raise
            time.sleep(pause_s)


def shortened(reason: str) -> str:
    """As much of it as an answer takes, however long its characters become in JSON."""
    while len(json.dumps(reason)) > LONGEST_REASON:
        reason = reason[: len(reason) * 9 // 10]
    return reason
