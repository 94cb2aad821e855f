"""How full a lane is and when an inspection begins, over rows that are told."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.lane_load import LONGEST_RETRY_S, Position, turns_before
from tests.fakes.database import FakeDatabase
from tests.fakes.lane_load import lane_load

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def position(running: int, before: int, service_s: float | None = 3.0) -> Position:
    return Position(places=15, running=running, before=before, service_s=service_s, now=NOW)


@pytest.mark.parametrize(
    ("running", "before", "begins_in_s", "waited_for"),
    [
        (0, 0, 0, True),
        (14, 0, 0, True),
        (0, 14, 0, True),
        (15, 0, 0.2, True),
        (0, 15, 0.2, True),
        (15, 4, 1.0, True),
        (15, 5, 1.2, False),
        (15, 149, 30, False),
        (17, 0, 0.2, True),  # more than there is room for, as after the setting was lowered
    ],
)
def test_places_become_free_one_after_the_other(
    running: int, before: int, begins_in_s: float, waited_for: bool
) -> None:
    found = position(running, before)
    assert found.begins_in_s == pytest.approx(begins_in_s)
    assert lane_load(FakeDatabase()).may_be_waited_for(found) == waited_for
    assert found.begins_at is not None
    assert timedelta(0) <= found.begins_at - NOW <= timedelta(seconds=begins_in_s)


def test_come_back_when_it_will_have_been_served() -> None:
    assert position(15, 149).retry_after_s == 33
    assert position(0, 0, 0.01).retry_after_s == 1
    assert position(15, 1_000_000).retry_after_s == LONGEST_RETRY_S


def test_nothing_measured_promises_nothing() -> None:
    found = position(15, 100, None)
    assert (found.begins_in_s, found.begins_at, found.retry_after_s) == (None, None, 1)


@pytest.mark.parametrize(
    ("waiting", "before"),
    [
        ({}, 0),
        ({"me": 3}, 3),
        ({"flood": 500}, 1),
        ({"flood": 500, "me": 3}, 7),
        ({"flood": 500, "other": 2, "me": 3}, 9),
    ],
)
def test_turns_are_fair_by_client(waiting: dict[str, int], before: int) -> None:
    assert turns_before("me", waiting) == before


@given(st.dictionaries(st.sampled_from("abcd"), st.integers(1, 30)))
def test_turns_are_those_that_rounds_give(waiting: dict[str, int]) -> None:
    own = waiting.get("a", 0)
    served = 0
    for turn in range(1, own + 2):  # one of each client in a round, this client's own last
        served += sum(count >= turn for client, count in waiting.items() if client != "a")
        served += turn <= own
    assert turns_before("a", waiting) == served
