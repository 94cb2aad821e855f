"""How long a client wants to wait (RFC 7240), and the waiting itself."""

import re
import time
from collections.abc import Callable

from core.errors import InvalidRequest
from core.inspection_records import InspectionRecords
from core.states import FINAL

LONGEST_WAIT_S = 25  # API Gateway cuts an answer off after 29 s
# A look costs one indexed read. A quick verdict should not be missed by much; a slow one is not worth many looks.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.015, 0.25
EAGER_S = 0.25


def preferred_wait_s(prefer: str | None, *, default_s: int, longest_s: int) -> int:
    """Seconds from a `Prefer` header: `wait=N` (at most `longest_s`), `respond-async` (0), else `default_s`.

    RFC 7240 lets a server ignore preferences that it doesn't know. Raises InvalidRequest for `wait` without a number.
    """
    longest_s = min(longest_s, LONGEST_WAIT_S)
    wait_s = min(default_s, longest_s)
    for preference in (prefer or "").split(","):
        name, _, value = (part.strip() for part in preference.partition("="))
        if name.lower() == "respond-async":
            return 0
        if name.lower() == "wait":
            if not re.fullmatch(r'"?\d{1,6}"?', value):
                raise InvalidRequest("Prefer: wait needs a whole number of seconds.", field="Prefer")
            wait_s = min(int(value.strip('"')), longest_s)
    return wait_s


def wait_until_final(
    records: InspectionRecords,
    inspection_id: str,
    wait_s: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Whether the inspection is final within `wait_s` seconds."""
    return wait_until(lambda: records.state(inspection_id) in FINAL, wait_s, clock=clock, sleep=sleep)


def wait_until(
    happened: Callable[[], bool],
    wait_s: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Ask again and again, ever more slowly, whether it `happened`; False when time is up."""
    start = clock()
    end = start + wait_s
    pause_s = FIRST_PAUSE_S
    while clock() < end:
        if happened():
            return True
        sleep(max(0.0, min(pause_s, end - clock())))
        if clock() - start > EAGER_S:
            pause_s = min(pause_s * 1.25, LONGEST_PAUSE_S)
    return False
