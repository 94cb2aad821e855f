"""When a message that was not taken is sent again."""

import random

HOUR_S = 3600
# Seconds between an attempt and the next: 10 attempts over 76 hours, so a receiver may be away from Friday evening to
# Monday evening. The first ones come close together, since most failures are a restart of the receiver.
DELAYS_S = (
    5,
    120,
    600,
    2700,
    2 * HOUR_S,
    5 * HOUR_S,
    12 * HOUR_S,
    24 * HOUR_S,
    32 * HOUR_S,
)
MOST_ATTEMPTS = len(DELAYS_S) + 1
JITTER = 0.1  # what failed together comes back spread over a fifth of the delay


def delay_s(attempt: int) -> float | None:
    """Seconds from attempt `attempt`, counted from 1, to the next; None after the last."""
    if attempt >= MOST_ATTEMPTS:
        return None
    return DELAYS_S[attempt - 1] * random.uniform(1 - JITTER, 1 + JITTER)
