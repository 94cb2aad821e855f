"""At opening time what was held flows again, the oldest first, no faster than the endpoint is meant to take it."""

from core.handover import Handover
from core.held_records import HeldRecords
from core.observability import logger

ROUND_S = 60


def release(held: HeldRecords, handover: Handover, *, at_most: int) -> int:
    """How many were let go in this round, their messages spread over the minute until the next one.

    One that is let go and not sent, because this process died or the queue is away (Unavailable), is then like any
    other that was committed and never queued.
    """
    released = 0
    while released < at_most:
        before = released
        for each in held.due(at_most - released):
            if held.let_go(each):
                delay_s = released * ROUND_S // at_most
                handover.tell(each.inspection_id, each.state, client_id=each.client_id, lane=each.lane, delay_s=delay_s)
                released += 1
        if released == before:
            break
    if released:
        logger.info("the service is open; what was held goes on", released=released)
    return released
