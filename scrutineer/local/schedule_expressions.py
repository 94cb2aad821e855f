"""EventBridge's `rate(…)`, `cron(…)` and the Scheduler's `at(…)`: when is the next time?

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from scrutineer.local.errors import TemplateInvalid, TemplateUnsupported

UNITS_S = {"minute": 60, "hour": 3600, "day": 86400}
NextTime = Callable[[datetime], datetime | None]


def next_time(expression: str, timezone: str, used_by: str) -> NextTime:
    """A function from a time (with a time zone) to the next one after it, or None if there is none.

    A rate counts from the time it is asked from, as EventBridge counts from the rule's creation.
    """
    kind, _, rest = expression.strip().partition("(")
    argument = rest.removesuffix(")").strip()
    if not rest.endswith(")"):
        raise TemplateInvalid(f"{used_by}: not a schedule expression: {expression}")
    if kind == "rate":
        return _rate(argument, expression, used_by)
    if kind == "cron":
        return _cron(argument, timezone, expression, used_by)
    if kind == "at":
        at = datetime.fromisoformat(argument).replace(tzinfo=ZoneInfo(timezone))
        return lambda after: at if at > after else None
    raise TemplateInvalid(f"{used_by}: not a schedule expression: {expression}")


def _rate(argument: str, expression: str, used_by: str) -> NextTime:
    parsed = re.fullmatch(r"(\d+) (minute|hour|day)(s?)", argument)
    # AWS wants the singular for 1 and the plural else.
    if not parsed or int(parsed[1]) < 1 or (int(parsed[1]) == 1) != (parsed[3] == ""):
        raise TemplateInvalid(f"{used_by}: not a rate: {expression}")
    period = timedelta(seconds=int(parsed[1]) * UNITS_S[parsed[2]])
    return lambda after: after + period


def _cron(argument: str, timezone: str, expression: str, used_by: str) -> NextTime:
    fields = argument.split()
    if len(fields) != 6:
        raise TemplateInvalid(f"{used_by}: a cron expression has 6 fields: {expression}")
    minute, hour, day, month, weekday, year = fields
    if (day == "?") == (weekday == "?"):
        raise TemplateInvalid(f"{used_by}: exactly one of day of month and day of week must be ?: {expression}")
    if "W" in day.upper():
        raise TemplateUnsupported(used_by, f"W in {expression}")
    years = _years(year, expression, used_by)
    line = " ".join([minute, hour, day.replace("?", "*"), month, _weekdays(weekday)])
    zone = ZoneInfo(timezone)
    try:
        CronSim(line, datetime.now(zone))
    except CronSimError as error:
        raise TemplateInvalid(f"{used_by}: not a cron expression: {expression} ({error})") from error

    def following(after: datetime) -> datetime | None:
        for candidate in CronSim(line, after.astimezone(zone)):
            if years is None or candidate.year in years:
                return candidate
            if candidate.year > max(years):
                return None
        return None

    return following


def _weekdays(text: str) -> str:
    """AWS counts from 1 for Sunday, cron from 0; names mean the same in both. `L` and `#` keep their sense."""
    if text == "?":
        return "*"

    def shifted(match: re.Match[str]) -> str:
        number = int(match[0])
        return str(number - 1) if 1 <= number <= 7 else match[0]

    parts = []
    for part in text.split(","):
        day, separator, rest = re.match(r"([^#/]*)([#/]?)(.*)", part).groups()  # type: ignore[union-attr]
        parts.append(re.sub(r"\d+", shifted, day) + separator + rest)
    return ",".join(parts)


def _years(text: str, expression: str, used_by: str) -> frozenset[int] | None:
    if text == "*":
        return None
    years: set[int] = set()
    for part in text.split(","):
        parsed = re.fullmatch(r"(\d{4})(?:-(\d{4}))?", part)
        if not parsed:
            raise TemplateUnsupported(used_by, f"the year in {expression}")
        years.update(range(int(parsed[1]), int(parsed[2] or parsed[1]) + 1))
    return frozenset(years)
