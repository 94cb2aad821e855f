"""The hours as cron expressions: every time of day, and ten minutes before it, by the reader of the local schedules."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from scrutineer.local.intrinsics import Resolver
from scrutineer.local.schedule_expressions import next_time
from tests.unit.infrastructure.resolving import NoAttributes
from warmup.warm import WARM_BEFORE_S

MIDNIGHT = datetime(2026, 3, 3, tzinfo=UTC)
TIMES = [f"{hour:02}:{minute:02}" for hour in range(24) for minute in range(60)]


def test_every_opening_is_preceded_by_its_warm_up(nested: Mapping[str, Any]) -> None:
    for opens in TIMES:
        warms = expressions(nested, opens=opens)["Warms"]
        hour, minute = (MIDNIGHT + since_midnight(opens) - timedelta(seconds=WARM_BEFORE_S)).strftime("%H %M").split()
        assert time_of(warms) == timedelta(hours=int(hour), minutes=int(minute)), opens


def test_every_closing_is_known_to_cron(nested: Mapping[str, Any]) -> None:
    for closes in [*TIMES, "24:00"]:
        assert time_of(expressions(nested, closes=closes)["Closes"]) == since_midnight(closes) % timedelta(days=1)


def expressions(nested: Mapping[str, Any], opens: str = "06:00", closes: str = "24:00") -> Mapping[str, str]:
    """The outputs, as template.yaml asks for them."""
    parameters = dict(zip(("OpensHour", "OpensMinute"), opens.split(":"), strict=True))
    parameters |= dict(zip(("ClosesHour", "ClosesMinute"), closes.split(":"), strict=True))
    outputs = nested["hours.yaml"]["Outputs"]
    resolver = Resolver(nested["hours.yaml"], parameters, NoAttributes())
    return {name: str(resolver.resolve(output["Value"])) for name, output in outputs.items()}


def time_of(expression: str) -> timedelta:
    """When it fires after midnight; twice, a day apart."""
    following = next_time(expression, "UTC", "hours.yaml")
    before = MIDNIGHT - timedelta(seconds=1)
    first = following(before)
    assert first is not None
    assert following(first) == first + timedelta(days=1)
    return first - MIDNIGHT


def since_midnight(time_of_day: str) -> timedelta:
    hour, minute = time_of_day.split(":")
    return timedelta(hours=int(hour), minutes=int(minute))
