"""What is noted of a request that is answered with a problem: its code and status, never a value of it."""

from core.errors import ScrutineerError
from core.observability import logger, metrics


def note_problem(error: ScrutineerError) -> None:
    """A line for each, a warning where the fault is ours; and a count of those that the client's plan refused."""
    note = logger.warning if error.status >= 500 else logger.info
    note("answered with a problem", code=error.code, status=error.status)
    if error.status == 429:
        metrics.add_metric("LimitRefusals", "Count", 1)
