"""EventBridge's schedule expressions."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrutineer.local.errors import TemplateInvalid, TemplateUnsupported
from scrutineer.local.schedule_expressions import next_time

START = datetime(2026, 11, 21, 8, 59, 30, tzinfo=UTC)  # a Saturday


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("rate(1 minute)", "2026-11-21T09:00:30+00:00"),
        ("rate(5 hours)", "2026-11-21T13:59:30+00:00"),
        ("cron(0 12 * * ? *)", "2026-11-21T12:00:00+00:00"),
        ("cron(0/15 * * * ? *)", "2026-11-21T09:00:00+00:00"),
        # 1 is Sunday to AWS, 2-6 Monday to Friday.
        ("cron(0 10 ? * 1 *)", "2026-11-22T10:00:00+00:00"),
        ("cron(0 10 ? * 2-6 *)", "2026-11-23T10:00:00+00:00"),
        ("cron(0 10 ? * MON-FRI *)", "2026-11-23T10:00:00+00:00"),
        ("cron(0 10 ? * 2#1 *)", "2026-12-07T10:00:00+00:00"),
        ("cron(0 8 L * ? *)", "2026-11-30T08:00:00+00:00"),
        ("cron(0 8 1 1 ? 2028)", "2028-01-01T08:00:00+00:00"),
        ("cron(0 8 1 1 ? 2020)", None),
    ],
)
def test_next_time(expression, expected):
    following = next_time(expression, "UTC", "Rule")(START)
    assert (following.isoformat() if following else None) == expected


def test_time_zone_follows_summer_time():
    following = next_time("cron(0 6 * * ? *)", "Europe/Berlin", "Rule")
    assert following(datetime(2026, 7, 1, 0, 0, tzinfo=UTC)).astimezone(UTC).hour == 4
    assert following(datetime(2026, 12, 1, 0, 0, tzinfo=UTC)).astimezone(UTC).hour == 5


@pytest.mark.parametrize(
    "expression",
    [
        "rate(1 minutes)",
        "rate(2 minute)",
        "rate(0 minutes)",
        "every(1 minute)",
        "rate(1 minute",
        "cron(0 12 * * *)",
        "cron(0 12 * * * *)",
        "cron(61 12 * * ? *)",
    ],
)
def test_what_aws_refuses(expression):
    with pytest.raises(TemplateInvalid):
        next_time(expression, "UTC", "Rule")


def test_what_is_not_emulated_is_named():
    with pytest.raises(TemplateUnsupported, match="Rule: W in"):
        next_time("cron(0 12 15W * ? *)", "UTC", "Rule")


@given(st.integers(1, 1000), st.sampled_from(["minute", "hour", "day"]))
def test_rates_are_even(number, unit):
    expression = f"rate({number} {unit}{'' if number == 1 else 's'})"
    following = next_time(expression, "UTC", "Rule")
    seconds = {"minute": 60, "hour": 3600, "day": 86400}[unit]
    assert following(START) - START == timedelta(seconds=number * seconds)
