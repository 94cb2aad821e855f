"""Nothing accepted is ever lost: what was committed but never queued, or died with its worker, is sent again."""

from dataclasses import dataclass

from core.handover import Handover
from core.observability import logger
from sweeper.stuck_records import StuckRecords

LOST_AFTER_S = 1800  # a message older than this was lost, dead-lettered or is far back; one more does no harm
AT_ONCE = 500


@dataclass(frozen=True)
class Swept:
    """How many were sent again, and how many were given up after their last attempt."""

    sent: int
    given_up: int


def sweep(records: StuckRecords, handover: Handover, *, after_s: int, max_attempts: int) -> Swept:
    """One round over the stuck inspections, oldest first. Raises Unavailable; what was not reached waits a minute."""
    sent = given_up = 0
    for stuck in records.stuck(after_s=after_s, lost_after_s=LOST_AFTER_S, limit=AT_ONCE):
        if stuck.attempts >= max_attempts:
            detail = f"Every one of {stuck.attempts} attempts was cut off in state {stuck.state}."
            given_up += records.give_up(
                stuck.inspection_id, stuck.state, least_attempts=max_attempts, code="internal_error", detail=detail
            )
        else:
            handover.tell(stuck.inspection_id, stuck.state, client_id=stuck.client_id, lane=stuck.lane)
            sent += 1
    if sent or given_up:
        logger.warning("inspections were stuck", sent=sent, given_up=given_up)
    return Swept(sent, given_up)
