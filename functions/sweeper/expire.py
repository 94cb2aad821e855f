"""Nothing accepted stays for ever either: what is past its time to live ends as expired."""

from core.endings import Endings
from core.observability import logger

AT_ONCE = 500


def expire_overdue(endings: Endings) -> int:
    """One round, at most AT_ONCE of them; how many ended. Raises Unavailable."""
    expired = sum(endings.expire(inspection_id) for inspection_id in endings.overdue(AT_ONCE))
    if expired:
        logger.warning("inspections expired", expired=expired)
    return expired
