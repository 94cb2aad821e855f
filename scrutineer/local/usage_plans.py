"""Throttle and quota of usage plans, for each key of a plan.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-request-throttling.html
"""

import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from enum import Enum

from scrutineer.local.template_model import UsagePlanSpec

# A limit that is not given is the account's.
ACCOUNT_RATE_PER_S = 10_000.0
ACCOUNT_BURST = 5_000


class Verdict(Enum):
    ADMITTED = "admitted"
    UNKNOWN_KEY = "unknown key"
    THROTTLED = "throttled"
    QUOTA_EXCEEDED = "quota exceeded"


def allowance(rate_per_s: float, burst: int, duration_s: float) -> float:
    """The most requests that a full token bucket lets through in `duration_s`, however many are sent."""
    return burst + rate_per_s * duration_s


class TokenBucket:
    """Holds at most `burst` tokens and gains `rate_per_s`; a request takes one. `now` is monotonic, in seconds."""

    def __init__(self, rate_per_s: float, burst: int, now: float) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._tokens = float(burst)
        self._at = now

    def take(self, now: float) -> bool:
        self._settle(now)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def change(self, rate_per_s: float, burst: int, now: float) -> None:
        """New limits for the tokens that are there: a change is no fresh burst."""
        self._settle(now)
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._tokens = min(self._tokens, float(burst))

    def _settle(self, now: float) -> None:
        self._tokens = min(float(self._burst), self._tokens + max(0.0, now - self._at) * self._rate_per_s)
        self._at = max(self._at, now)


class UsagePlans:
    """Knows keys by their value. `clock` is monotonic seconds, `today` the wall clock; thread-safe."""

    def __init__(
        self,
        plans: Iterable[UsagePlanSpec],
        *,
        clock: Callable[[], float],
        today: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._plans = _by_value(plans)
        self._clock = clock
        self._today = today
        self._buckets: dict[str, TokenBucket] = {}
        self._used: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    def replace(self, plans: Iterable[UsagePlanSpec]) -> None:
        """Other plans from now on. What a key has used of its burst and quota stays used, also while it is away."""
        known = _by_value(plans)
        with self._lock:
            self._plans = known
            for value, plan in known.items():
                if value in self._buckets:
                    self._buckets[value].change(*_throttle(plan), self._clock())

    def admit(self, value: str | None) -> Verdict:
        with self._lock:
            plan = self._plans.get(value) if value is not None else None
            if value is None or plan is None:
                return Verdict.UNKNOWN_KEY
            if plan.rate_per_s is not None or plan.burst is not None:
                bucket = self._buckets.get(value)
                if bucket is None:
                    bucket = self._buckets[value] = TokenBucket(*_throttle(plan), self._clock())
                if not bucket.take(self._clock()):
                    return Verdict.THROTTLED
            if plan.quota_limit is not None:
                period = value, period_start(plan.quota_period or "DAY", self._today())
                if self._used.get(period, 0) >= plan.quota_limit:
                    return Verdict.QUOTA_EXCEEDED
                self._used[period] = self._used.get(period, 0) + 1
        return Verdict.ADMITTED


def _by_value(plans: Iterable[UsagePlanSpec]) -> dict[str, UsagePlanSpec]:
    return {value: plan for plan in plans for value in plan.keys.values()}


def _throttle(plan: UsagePlanSpec) -> tuple[float, int]:
    return (
        plan.rate_per_s if plan.rate_per_s is not None else ACCOUNT_RATE_PER_S,
        plan.burst if plan.burst is not None else ACCOUNT_BURST,
    )


def period_start(period: str, at: datetime) -> str:
    """The date (UTC) on which the quota period around `at` began; weeks begin on Sunday."""
    day = at.date()
    if period == "WEEK":
        day -= timedelta(days=(day.weekday() + 1) % 7)
    elif period == "MONTH":
        day = day.replace(day=1)
    return day.isoformat()
