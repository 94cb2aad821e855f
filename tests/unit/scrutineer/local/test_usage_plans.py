"""Throttle and quota of usage plans."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrutineer.local.template_model import UsagePlanSpec
from scrutineer.local.usage_plans import TokenBucket, UsagePlans, Verdict, allowance, period_start

GAPS = st.lists(st.floats(min_value=0, max_value=3), max_size=60)


@given(GAPS, st.floats(min_value=0.1, max_value=50), st.integers(min_value=1, max_value=20))
def test_never_more_than_burst_and_rate_allow(gaps, rate, burst):
    bucket, now, taken = TokenBucket(rate, burst, 0.0), 0.0, 0
    for gap in gaps:
        now += gap
        taken += bucket.take(now)
        assert taken <= burst + rate * now + 1e-6


@given(GAPS, st.floats(min_value=0.1, max_value=50), st.integers(min_value=1, max_value=20))
def test_refuses_only_when_empty(gaps, rate, burst):
    """An independent count of the tokens, in exact order of events."""
    bucket, now, tokens = TokenBucket(rate, burst, 0.0), 0.0, float(burst)
    for gap in gaps:
        now += gap
        tokens = min(burst, tokens + gap * rate)
        taken = bucket.take(now)
        assert taken or tokens < 1 + 1e-6
        tokens -= taken


def test_a_clock_that_goes_back_gains_nothing():
    bucket = TokenBucket(1.0, 1, 10.0)
    assert bucket.take(10.0)
    assert not bucket.take(5.0)
    assert not bucket.take(10.5)
    assert bucket.take(11.0)


def plans(**limits):
    spec = {"rate_per_s": None, "burst": None, "quota_limit": None, "quota_period": None, **limits}
    clock, today = [0.0], [datetime(2026, 1, 31, tzinfo=UTC)]
    plan = UsagePlanSpec(logical_id="Plan", keys={"KeyA": "a", "KeyB": "b"}, **spec)
    return UsagePlans([plan], clock=lambda: clock[0], today=lambda: today[0]), clock, today


def test_keys_are_throttled_each_for_itself():
    usage, clock, _ = plans(rate_per_s=1.0, burst=2)
    assert [usage.admit("a") for _ in range(3)] == [Verdict.ADMITTED, Verdict.ADMITTED, Verdict.THROTTLED]
    assert usage.admit("b") is Verdict.ADMITTED
    clock[0] = 1.0
    assert usage.admit("a") is Verdict.ADMITTED


def test_quota_begins_anew_with_its_period():
    usage, _, today = plans(quota_limit=1, quota_period="MONTH")
    assert usage.admit("a") is Verdict.ADMITTED
    assert usage.admit("a") is Verdict.QUOTA_EXCEEDED
    today[0] = datetime(2026, 2, 1, tzinfo=UTC)
    assert usage.admit("a") is Verdict.ADMITTED


def test_unknown_keys():
    usage, _, _ = plans()
    assert usage.admit("c") is Verdict.UNKNOWN_KEY
    assert usage.admit(None) is Verdict.UNKNOWN_KEY
    assert usage.admit("a") is Verdict.ADMITTED


def test_weeks_begin_on_sunday():
    assert period_start("WEEK", datetime(2026, 11, 21, tzinfo=UTC)) == "2026-11-15"
    assert period_start("WEEK", datetime(2026, 11, 22, tzinfo=UTC)) == "2026-11-22"


def changed(usage, **limits):
    spec = {"rate_per_s": None, "burst": None, "quota_limit": None, "quota_period": None, **limits}
    usage.replace([UsagePlanSpec(logical_id="Plan", keys={"KeyA": "a", "KeyB": "b"}, **spec)])


def taken(usage, most=1000):
    return next(count for count in range(most) if usage.admit("a") is not Verdict.ADMITTED)


def test_a_changed_rate_or_burst_bites_on_the_bucket_that_is_there():
    usage, clock, _ = plans(rate_per_s=1.0, burst=5)
    assert taken(usage) == 5
    for _ in range(20):
        # Whoever changes a plan every 10 ms gives nobody a fresh burst.
        clock[0] += 0.01
        changed(usage, rate_per_s=1.0, burst=5)
        changed(usage, rate_per_s=1.0, burst=50)
    assert taken(usage) == 0
    clock[0] += 10
    # 10.2 s at 1 a second, under the new burst of 50.
    assert taken(usage) == 10
    changed(usage, rate_per_s=100.0, burst=3)
    clock[0] += 10
    assert taken(usage) == 3


def test_a_rate_counts_from_its_change_on():
    usage, clock, _ = plans(rate_per_s=1.0, burst=100)
    assert taken(usage) == 100
    clock[0] = 10
    changed(usage, rate_per_s=5.0, burst=100)
    clock[0] = 12
    assert taken(usage) == 10 + 2 * 5


def test_a_changed_quota_keeps_what_is_used():
    usage, _, _ = plans(quota_limit=3, quota_period="DAY")
    assert taken(usage) == 3
    changed(usage, quota_limit=5, quota_period="DAY")
    assert taken(usage) == 2
    changed(usage, quota_limit=4, quota_period="DAY")
    assert usage.admit("a") is Verdict.QUOTA_EXCEEDED
    usage.replace([])
    assert usage.admit("a") is Verdict.UNKNOWN_KEY
    changed(usage, quota_limit=6, quota_period="DAY")
    assert taken(usage) == 1


@pytest.mark.parametrize("offered_per_s", [5, 10, 11, 40, 400])
def test_ten_seconds_of_a_plan_of_ten_a_second_and_twenty_at_once(offered_per_s):
    usage, clock, _ = plans(rate_per_s=10.0, burst=20)
    admitted = 0
    for request in range(10 * offered_per_s):
        clock[0] = request / offered_per_s
        admitted += usage.admit("a") is Verdict.ADMITTED
    assert admitted == pytest.approx(min(10 * offered_per_s, allowance(10.0, 20, 10.0)), rel=0.05)


def test_many_at_once_get_no_more_than_the_bucket_holds():
    threads, each, started = 32, 200, time.monotonic()
    plan = UsagePlanSpec("Plan", rate_per_s=50.0, burst=100, quota_limit=None, quota_period=None, keys={"KeyA": "a"})
    usage = UsagePlans([plan], clock=time.monotonic)
    barrier = threading.Barrier(threads)

    def ask(_):
        barrier.wait()
        return sum(usage.admit("a") is Verdict.ADMITTED for _ in range(each))

    with ThreadPoolExecutor(threads) as pool:
        admitted = sum(pool.map(ask, range(threads)))
    assert 100 <= admitted <= allowance(50.0, 100, time.monotonic() - started)
    assert admitted < threads * each


def test_many_at_once_share_the_last_of_a_quota():
    plan = UsagePlanSpec("Plan", rate_per_s=None, burst=None, quota_limit=7, quota_period="DAY", keys={"KeyA": "a"})
    usage = UsagePlans([plan], clock=time.monotonic)
    barrier = threading.Barrier(32)

    def ask(_):
        barrier.wait()
        return usage.admit("a")

    with ThreadPoolExecutor(32) as pool:
        verdicts = list(pool.map(ask, range(32)))
    assert verdicts.count(Verdict.ADMITTED) == 7
