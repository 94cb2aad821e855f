"""Service hours by the calendar: what holds of any hours in any zone, and the days on which clocks change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.hours import ServiceHours, service_hours, time_of_day

ZONES = ("Asia/Kolkata", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "UTC")
FIRM = service_hours("06:00", "24:00", "Asia/Kolkata")
TICK = timedelta(microseconds=1)

hours = st.builds(
    ServiceHours, st.integers(0, 1439), st.integers(0, 1440), st.sampled_from([ZoneInfo(name) for name in ZONES])
).filter(lambda found: not found.always_open)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@given(hours, moments)
def test_nothing_changes_before_the_next_opening_or_closing(found: ServiceHours, at: datetime) -> None:
    opening, closing = found.next_opening(at), found.next_closing(at)
    assert opening is not None
    assert closing is not None
    assert found.is_open(at) == (closing < opening)
    assert at < min(opening, closing)
    assert not found.is_open(opening - TICK)
    assert found.is_open(opening)
    assert found.is_open(closing - TICK)
    assert not found.is_open(closing)
    assert max(opening, closing) - at < timedelta(days=3)


@given(hours, moments, st.floats(0, 1))
def test_between_two_changes_it_stays_as_it_is(found: ServiceHours, at: datetime, share: float) -> None:
    change = min(filter(None, (found.next_opening(at), found.next_closing(at))))
    assert found.is_open(at + (change - at - TICK) * share) == found.is_open(at)


@given(hours, moments)
def test_on_a_day_without_a_change_it_is_what_the_wall_clock_shows(found: ServiceHours, at: datetime) -> None:
    local = at.astimezone(found.zone)
    offsets = {(at + timedelta(hours=hour)).astimezone(found.zone).utcoffset() for hour in range(-50, 51)}
    if len(offsets) > 1:
        return
    minutes = local.hour * 60 + local.minute
    if found.opens_min < found.closes_min:
        assert found.is_open(at) == (found.opens_min <= minutes < found.closes_min)
    else:
        assert found.is_open(at) == (minutes >= found.opens_min or minutes < found.closes_min)


@given(hours, moments)
def test_it_opens_once_a_day(found: ServiceHours, at: datetime) -> None:
    first = found.next_opening(at)
    assert first is not None
    second = found.next_opening(first)
    assert second is not None
    assert timedelta(hours=22) <= second - first <= timedelta(hours=49), "a change may leave one day without"


@given(st.integers(0, 1439), st.sampled_from(ZONES), moments)
def test_equal_times_are_always_open(minutes: int, zone: str, at: datetime) -> None:
    closings = [minutes] if minutes else [0, 1440]
    for closes in closings:
        found = ServiceHours(minutes, closes, ZoneInfo(zone))
        assert found.is_open(at)
        assert (found.next_opening(at), found.next_closing(at)) == (None, None)


@pytest.mark.parametrize(
    ("at", "is_open", "opening", "closing"),
    [
        ("2026-03-01T00:29:59", False, "2026-03-01T00:30", "2026-03-01T18:30"),
        ("2026-03-01T00:30", True, "2026-03-02T00:30", "2026-03-01T18:30"),
        ("2026-03-01T18:29:59", True, "2026-03-02T00:30", "2026-03-01T18:30"),
        ("2026-03-01T18:30", False, "2026-03-02T00:30", "2026-03-02T18:30"),
    ],
)
def test_six_to_midnight_in_india(at: str, is_open: bool, opening: str, closing: str) -> None:
    moment = utc(at)
    assert FIRM.is_open(moment) is is_open
    assert (FIRM.next_opening(moment), FIRM.next_closing(moment)) == (utc(opening), utc(closing))


@pytest.mark.parametrize(
    ("zone", "at", "opens", "closes", "opening", "closing"),
    [
        # 29 March 2026, 2:00 becomes 3:00: the day's hours are one hour nearer to the evening before.
        ("Europe/Berlin", "2026-03-28T20:00", "06:00", "20:00", "2026-03-29T04:00", "2026-03-29T18:00"),
        ("Europe/Berlin", "2026-03-27T20:00", "06:00", "20:00", "2026-03-28T05:00", "2026-03-28T19:00"),
        # 2:30 is left out: by the offset before, it is 3:30.
        ("Europe/Berlin", "2026-03-28T20:00", "02:30", "20:00", "2026-03-29T01:30", "2026-03-29T18:00"),
        # 25 October 2026, 3:00 becomes 2:00: 2:30 comes twice, and the first one counts.
        ("Europe/Berlin", "2026-10-24T20:00", "02:30", "20:00", "2026-10-25T00:30", "2026-10-25T19:00"),
        ("Europe/Berlin", "2026-10-24T20:00", "22:00", "02:30", "2026-10-25T21:00", "2026-10-25T00:30"),
        # Over midnight into 8 March 2026, when 2:00 becomes 3:00: the night is an hour shorter.
        ("America/New_York", "2026-03-07T20:00", "22:00", "06:00", "2026-03-08T03:00", "2026-03-08T10:00"),
        ("America/New_York", "2026-03-06T20:00", "22:00", "06:00", "2026-03-07T03:00", "2026-03-07T11:00"),
        # From 2:30, which is left out and so is 3:30, to 3:00: nothing is left of that day's hours.
        ("America/New_York", "2026-03-07T20:00", "02:30", "03:00", "2026-03-09T06:30", "2026-03-09T07:00"),
        # Samoa had no 30 December 2011: the 31st is the same moment.
        ("Pacific/Apia", "2011-12-29T20:00", "06:00", "20:00", "2011-12-30T16:00", "2011-12-30T06:00"),
    ],
)
def test_when_clocks_change(zone: str, at: str, opens: str, closes: str, opening: str, closing: str) -> None:
    found = service_hours(opens, closes, zone)
    assert (found.next_opening(utc(at)), found.next_closing(utc(at))) == (utc(opening), utc(closing))


@pytest.mark.parametrize(
    ("opens", "closes", "zone"),
    [
        ("24:00", "06:00", "UTC"),
        ("06:00", "24:01", "UTC"),
        ("6:00", "24:00", "UTC"),
        ("06:60", "24:00", "UTC"),
        ("06:00", "", "UTC"),
        ("06:00", "٢٤:٠٠", "UTC"),
        ("06:00", "24:00", "Asia/Calcuta"),
        ("06:00", "24:00", "Asia"),
        ("06:00", "24:00", "../etc/passwd"),
        ("06:00", "24:00", ""),
    ],
)
def test_malformed_hours(opens: str, closes: str, zone: str) -> None:
    with pytest.raises(ValueError, match=r"must be a time of day|there is no time zone"):
        service_hours(opens, closes, zone)


def test_hours_are_shown_as_they_are_configured() -> None:
    assert (time_of_day(FIRM.opens_min), time_of_day(FIRM.closes_min)) == ("06:00", "24:00")
