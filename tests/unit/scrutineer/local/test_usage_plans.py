"""Throttle and quota of usage plans."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from scrutineer.local.template_model import UsagePlanSpec
from scrutineer.local.usage_plans import TokenBucket, UsagePlans, Verdict, period_start

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
