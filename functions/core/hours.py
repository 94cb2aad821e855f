"""When the service is open: one span of local time a day, reckoned by the calendar, also on days when clocks change.

A local time that a change leaves out or gives twice is read as RFC 5545 (3.3.5) reads it, which is also what zoneinfo
does: what is left out by the offset before the change, what comes twice as the first of the two.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY_MIN = 24 * 60
# Days looked at around a moment. A span may begin the day before and a change may leave one without any.
DAYS_BEFORE, DAYS_AFTER = 2, 3


@dataclass(frozen=True)
class ServiceHours:
    """`opens_min` and `closes_min` are minutes after the local midnight; the same time of day twice is always open, and
    a closing before the opening is on the next day. All moments are aware.
    """

    opens_min: int
    closes_min: int
    zone: ZoneInfo

    @property
    def always_open(self) -> bool:
        return self.opens_min % DAY_MIN == self.closes_min % DAY_MIN

    def is_open(self, at: datetime) -> bool:
        """The opening itself belongs to the hours, the closing does not."""
        return self.always_open or any(opens <= at < closes for opens, closes in self._spans(at))

    def next_opening(self, at: datetime) -> datetime | None:
        """The first opening after `at`, in UTC; None where it is always open."""
        return None if self.always_open else next(opens for opens, _ in self._spans(at) if opens > at)

    def next_closing(self, at: datetime) -> datetime | None:
        """The first closing after `at`, in UTC; None where it is always open."""
        return None if self.always_open else next(closes for _, closes in self._spans(at) if closes > at)

    def _spans(self, at: datetime) -> list[tuple[datetime, datetime]]:
        """Spans around `at`, in order; those that a change of clocks made overlap are one."""
        today = at.astimezone(self.zone).date()
        spans: list[tuple[datetime, datetime]] = []
        for opens, closes in self._by_day(today):
            if spans and opens <= spans[-1][1]:
                spans[-1] = (spans[-1][0], max(spans[-1][1], closes))
            elif opens < closes:  # a change can leave nothing of a short one
                spans.append((opens, closes))
        return spans

    def _by_day(self, today: date) -> Iterator[tuple[datetime, datetime]]:
        over_midnight = self.closes_min < self.opens_min
        for days in range(-DAYS_BEFORE, DAYS_AFTER + 1):
            day = today + timedelta(days)
            yield self._moment(day, self.opens_min), self._moment(day + timedelta(over_midnight), self.closes_min)

    def _moment(self, day: date, minutes: int) -> datetime:
        days, minutes = divmod(minutes, DAY_MIN)
        local = datetime.combine(day + timedelta(days), time(*divmod(minutes, 60)), tzinfo=self.zone)
        return local.astimezone(UTC)


def service_hours(opens: str, closes: str, timezone: str) -> ServiceHours:
    """From `HH:MM`, closing also `24:00`, and a zone of the IANA database. Raises ValueError."""
    try:
        zone = ZoneInfo(timezone)
    except (OSError, ValueError, KeyError) as error:  # a folder's name, a malformed one, an unknown one
        raise ValueError(f"there is no time zone {timezone!r}") from error
    return ServiceHours(_minutes(opens, DAY_MIN - 1), _minutes(closes, DAY_MIN), zone)


def time_of_day(minutes: int) -> str:
    """As it is configured, `HH:MM`."""
    return "{:02}:{:02}".format(*divmod(minutes, 60))


def _minutes(text: str, most: int) -> int:
    found = re.fullmatch(r"([0-9]{2}):([0-5][0-9])", text)
    minutes = int(found[1]) * 60 + int(found[2]) if found else DAY_MIN + 1
    if minutes > most:
        raise ValueError(f"must be a time of day as HH:MM, at most {time_of_day(most)}, not {text!r}")
    return minutes
