"""Throttle and quota of usage plans, for each key of a plan.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-request-throttling.html
"""

import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from enum import Enum

from scrutineer.local.template_model import UsagePlanSpec


class Verdict(Enum):
    ADMITTED = "admitted"
    UNKNOWN_KEY = "unknown key"
    THROTTLED = "throttled"
    QUOTA_EXCEEDED = "quota exceeded"


class TokenBucket:
    """Holds at most `burst` tokens and gains `rate_per_s`; a request takes one. `now` is monotonic, in seconds."""

    def __init__(self, rate_per_s: float, burst: int, now: float) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._tokens = float(burst)
        self._at = now

    def take(self, now: float) -> bool:
        self._tokens = min(float(self._burst), self._tokens + max(0.0, now - self._at) * self._rate_per_s)
        self._at = max(self._at, now)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class UsagePlans:
    """Knows keys by their value. `clock` is monotonic seconds, `today` the wall clock; thread-safe."""

    def __init__(
        self,
        plans: Iterable[UsagePlanSpec],
        *,
        clock: Callable[[], float],
        today: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._plans = {value: (key_id, plan) for plan in plans for key_id, value in plan.keys.items()}
        self._clock = clock
        self._today = today
        self._buckets: dict[str, TokenBucket] = {}
        self._used: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    def key_id(self, value: str) -> str | None:
        known = self._plans.get(value)
        return known[0] if known else None

    def admit(self, value: str | None) -> Verdict:
        if value is None or value not in self._plans:
            return Verdict.UNKNOWN_KEY
        _, plan = self._plans[value]
        with self._lock:
            if plan.rate_per_s is not None or plan.burst is not None:
                bucket = self._buckets.get(value)
                if bucket is None:
                    # A limit that is not given is the account's: 10,000 a second, 5,000 at once.
                    rate_per_s = plan.rate_per_s if plan.rate_per_s is not None else 10_000.0
                    burst = plan.burst if plan.burst is not None else 5_000
                    bucket = self._buckets[value] = TokenBucket(rate_per_s, burst, self._clock())
                if not bucket.take(self._clock()):
                    return Verdict.THROTTLED
            if plan.quota_limit is not None:
                period = value, period_start(plan.quota_period or "DAY", self._today())
                if self._used.get(period, 0) >= plan.quota_limit:
                    return Verdict.QUOTA_EXCEEDED
                self._used[period] = self._used.get(period, 0) + 1
        return Verdict.ADMITTED


def period_start(period: str, at: datetime) -> str:
    """The date (UTC) on which the quota period around `at` began; weeks begin on Sunday."""
    day = at.date()
    if period == "WEEK":
        day -= timedelta(days=(day.weekday() + 1) % 7)
    elif period == "MONTH":
        day = day.replace(day=1)
    return day.isoformat()
