"""Send what is due, several at once, so that one slow receiver holds up nobody but itself.

Threads do nothing but HTTP; the database is asked by the one that called. No endpoint and no client gets more than its
share of the places at once, and a place that becomes free is filled at once: the rest of the places goes on moving
however long some receivers take.
"""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Protocol
from uuid import uuid4

from core.observability import logger, where
from notify.deliveries import Claimed, Deliveries

PLACES, PLACES_OF_AN_ENDPOINT, PLACES_OF_A_CLIENT = 16, 4, 8
LOOK_AGAIN_S = 1.0
FINISHING_TAKES_S = 15.0  # an attempt's 10 s, and settling it


class NotSent(Exception):
    """There was no answer; the text says why, without anything that the receiver sent."""


class Post(Protocol):
    def __call__(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        """The answer's status. Raises NotSent."""


@dataclass
class Round:
    """How many deliveries went which way."""

    delivered: int = 0
    failed: int = 0
    dead: int = 0
    disabled: int = 0


@dataclass
class _Running:
    """What is being sent, and whose it is."""

    futures: dict[Future[int], Claimed] = field(default_factory=dict)

    def free(self, endpoint_id: str, client_id: str) -> int:
        endpoints = Counter(each.endpoint_id for each in self.futures.values())
        clients = Counter(each.client_id for each in self.futures.values())
        return min(
            PLACES - len(self.futures),
            PLACES_OF_AN_ENDPOINT - endpoints[endpoint_id],
            PLACES_OF_A_CLIENT - clients[client_id],
        )


def deliver(deliveries: Deliveries, post: Post, remaining_s: Callable[[], float]) -> Round:
    """Until nothing is due, or time is too short to begin anything. Raises Unavailable where the database is away."""
    found, running, owner = Round(), _Running(), uuid4().hex
    with ThreadPoolExecutor(PLACES) as pool:
        while True:
            if remaining_s() > FINISHING_TAKES_S:
                _begin(deliveries, post, owner, pool, running)
            if not running.futures:
                return found
            done, _ = wait(running.futures, LOOK_AGAIN_S, FIRST_COMPLETED)
            for future in done:
                _settle(deliveries, running.futures.pop(future), future, found)


def _begin(deliveries: Deliveries, post: Post, owner: str, pool: ThreadPoolExecutor, running: _Running) -> None:
    if len(running.futures) == PLACES:
        return
    for due in deliveries.due():
        free = running.free(due.endpoint_id, due.client_id)
        for claimed in deliveries.claim(due, owner, free) if free > 0 else ():
            running.futures[pool.submit(_attempt, post, claimed)] = claimed


def _attempt(post: Post, claimed: Claimed) -> int:
    message = claimed.message
    return post(message.url, message.body.encode(), message.headers())


def _settle(deliveries: Deliveries, claimed: Claimed, future: Future[int], found: Round) -> None:
    """2xx is delivered; 410 ends the endpoint; anything else, a redirect too, is a failure that is tried again."""
    status, error = None, ""
    try:
        status = future.result()
    except NotSent as failure:
        error = str(failure)
    except Exception as failure:  # the outermost edge of an attempt: the other deliveries go on
        logger.error("an attempt broke", error_type=type(failure).__name__, where=where(failure))
        error = "Something failed on our side."
    if status is not None and 200 <= status < 300:
        deliveries.delivered(claimed, status)
        found.delivered += 1
        outcome = "delivered"
    elif status == 410:
        deliveries.gone(claimed, status)
        found.dead += 1
        found.disabled += 1
        outcome = "gone"
    else:
        dead = deliveries.failed(claimed, status, error or f"The receiver answered {status}.")
        found.dead += dead
        found.failed += not dead
        outcome = "dead" if dead else "failed"
    logger.info(
        "webhook attempt",
        outcome=outcome,
        delivery_id=claimed.delivery_id,
        endpoint_id=claimed.endpoint_id,
        client_id=claimed.client_id,
        attempt=claimed.attempt,
        status=status,
    )
