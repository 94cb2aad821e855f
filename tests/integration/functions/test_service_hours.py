"""The service closes and opens while work comes in: by a moved clock, over the real database.

Nothing is lost, nothing is done twice, and no message is received in vain.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from core.endings import Endings
from core.errors import OutsideHours
from core.held_records import Held, HeldRecords
from core.lanes import Lane
from core.service import Service
from core.settings import DatabaseSettings
from core.states import State
from core.work_records import Claimed, LostLease, NotClaimed, WorkRecords
from tests.fakes.service import ALWAYS
from tests.fakes.shift import Shift

# The firm's midnight and six o'clock.
CLOSING = datetime(2026, 3, 1, 18, 30, tzinfo=UTC)
OPENING = datetime(2026, 3, 2, 0, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NIGHT = CLOSING + 60 * MINUTE

Start = Callable[..., Shift]


@pytest.fixture
def start(settings: DatabaseSettings) -> Iterator[Start]:
    """A shift that begins at a moment."""
    begun: list[Shift] = []

    def begin(at: datetime, **changes: object) -> Shift:
        begun.append(Shift(settings, at, **changes))  # type: ignore[arg-type]
        return begun[-1]

    yield begin
    for shift in begun:
        shift.database.close()


def states(shift: Shift) -> Counter[str]:
    return Counter(row["state"] for row in shift.rows())


def untouched(shift: Shift) -> bool:
    """No message was received twice, none is a dead letter, none is left."""
    return all(
        queue.most_receives <= 1 and not queue.dead_letters and not queue.waiting for queue in shift.queues.values()
    )


def test_two_hundred_queued_at_a_minute_to_midnight_are_held_and_final_after_opening(start: Start) -> None:
    shift = start(CLOSING - MINUTE)
    ids = [shift.post().inspection_id for _ in range(200)]
    shift.work(70)
    shift.work(30, [State.ACCEPTED])
    in_time = len(shift.asked)

    shift.clock.at = CLOSING
    shift.work()
    begun = states(shift)["passed"]
    assert 0 < begun == in_time < 200, "what the model was asked before closing gets its verdict"
    held = [row for row in shift.rows() if row["held_until"] is not None]
    assert len(held) == 200 - begun
    assert {row["state"] for row in held} == {"accepted", "prechecked"}, "both stages put back what they met"
    assert {(row["attempts"], row["lease_owner"], row["queued_at"], row["held_until"]) for row in held} == {
        (0, None, None, OPENING.replace(tzinfo=None))
    }
    assert (shift.held.count("client-a"), shift.held.count(None), shift.held.count("client-b")) == (len(held),) * 2 + (
        0,
    )
    assert shift.running() == 0
    assert untouched(shift)

    while shift.clock.at < OPENING - 10 * MINUTE:
        shift.clock.tick(minutes=10)
        assert shift.sweep() == 0
        assert shift.work() == 0, "nothing moves at night"

    shift.clock.at = OPENING
    rounds = []
    while states(shift)["passed"] < 200:
        rounds.append(shift.sweep(at_most=60))
        assert shift.running() == rounds[-1]
        shift.work()
        shift.clock.tick(minutes=1)
    assert sum(rounds) == len(held)
    assert all(count == 60 for count in rounds[:-1]), "as fast as was said, and no faster"
    assert all(0 <= delay_s < 60 for queue in shift.queues.values() for delay_s in queue.delays)
    assert len({*shift.queues[State.ACCEPTED].delays}) > 10, "spread over the minute"
    assert shift.running() == 0
    assert untouched(shift)

    after = [inspection_id for inspection_id, at in shift.asked if at >= OPENING]
    assert after == sorted(after, key=ids.index), "the oldest first"
    assert sorted(inspection_id for inspection_id, _ in shift.asked) == sorted(ids), "each was asked about once"
    assert not [at for _, at in shift.asked if CLOSING <= at < OPENING]
    results = shift.database.all("SELECT inspection_id FROM rvpxbverification")
    assert sorted(row["inspection_id"] for row in results) == sorted(ids)


def test_drained_at_closing_time_it_works_on(start: Start) -> None:
    shift = start(CLOSING - MINUTE, holds=False)
    for _ in range(20):
        shift.post()
    shift.clock.at = NIGHT
    shift.work()
    assert states(shift) == {"passed": 20}
    assert untouched(shift)


def test_accepted_at_night_it_waits_for_the_morning(start: Start) -> None:
    shift = start(NIGHT)
    acceptance = shift.post()
    assert acceptance.held_s == (OPENING - NIGHT).total_seconds()
    assert acceptance.stored is not None
    assert acceptance.stored.held_until == OPENING
    assert [queue.waiting for queue in shift.queues.values()] == [0, 0, 0]
    assert shift.running() == 0, "it takes no place before it is on its way"
    shift.clock.at = OPENING - timedelta(microseconds=1)
    assert shift.sweep() == 0
    shift.clock.at = OPENING
    assert shift.sweep() == 1
    assert shift.running() == 1
    shift.work()
    assert states(shift) == {"passed": 1}
    assert shift.running() == 0


def test_at_night_a_client_may_send_more_than_it_may_have_running(start: Start) -> None:
    shift = start(NIGHT)
    shift.database.execute("UPDATE plans SET concurrent = 2")
    for _ in range(5):
        shift.post("client-a")
    for _ in range(3):
        shift.post("client-b")
    shift.clock.at = OPENING
    assert shift.sweep() == 4, "one client's limit does not hold up another"
    assert (shift.running("client-a"), shift.running("client-b")) == (2, 2)
    assert shift.sweep() == 0
    shift.work()
    assert shift.sweep() == 3
    shift.work()
    assert shift.sweep() == 1
    shift.work()
    assert states(shift) == {"passed": 8}


def test_what_can_only_end_before_opening_is_not_accepted(start: Start) -> None:
    shift = start(NIGHT)
    closed_s = int((OPENING - NIGHT).total_seconds())
    with pytest.raises(OutsideHours) as raised:
        shift.post(deadline_ms=closed_s * 1000)
    assert raised.value.retry_after_s == closed_s
    with pytest.raises(OutsideHours):
        shift.post(expires_in_s=closed_s)
    assert shift.rows() == []
    shift.post(deadline_ms=closed_s * 1000 + 1000)
    shift.clock.at = OPENING
    shift.post(deadline_ms=1000)
    assert len(shift.rows()) == 2


def test_message_that_comes_late_finds_nothing_to_do(start: Start) -> None:
    shift = start(NIGHT)
    inspection_id = shift.post().inspection_id
    found = WorkRecords(shift.database).claim(inspection_id, State.ACCEPTED, "worker", 30)
    assert found == NotClaimed(State.ACCEPTED, queued=False, client_id="client-a", lane=Lane.INTERACTIVE)
    shift.handover.tell(inspection_id, State.ACCEPTED, client_id="client-a", lane=Lane.INTERACTIVE)
    shift.clock.at = OPENING
    shift.work()
    assert states(shift) == {"accepted": 1}, "not let go yet"
    shift.sweep()
    shift.work()
    assert states(shift) == {"passed": 1}


def test_what_a_worker_has_is_left_to_it_until_its_lease_ends(start: Start) -> None:
    shift = start(CLOSING - MINUTE / 60)
    inspection_id = shift.post().inspection_id
    records = WorkRecords(shift.database)
    claimed = records.claim(inspection_id, State.ACCEPTED, "worker", 30)
    assert isinstance(claimed, Claimed)
    shift.clock.at = CLOSING
    assert shift.held.hold(inspection_id, State.ACCEPTED) is None
    shift.clock.tick(seconds=31)
    assert shift.held.hold(inspection_id, State.ACCEPTED) == OPENING
    assert shift.held.hold(inspection_id, State.ACCEPTED) is None, "once is enough"
    assert shift.running() == 0
    with pytest.raises(LostLease):
        records.advance(claimed, State.ACCEPTED, State.PRECHECKED)


@pytest.mark.parametrize("state", [State.PRECHECKED, State.INFERRED])
def test_only_what_waits_in_that_state_is_held(start: Start, state: State) -> None:
    shift = start(CLOSING - MINUTE)
    inspection_id = shift.post().inspection_id
    shift.clock.at = NIGHT
    assert shift.held.hold(inspection_id, state) is None
    assert shift.held.hold("insp_unknown", state) is None
    assert shift.running() == 1


def test_while_it_is_open_nothing_is_held(start: Start) -> None:
    shift = start(OPENING)
    assert shift.held.hold(shift.post().inspection_id, State.ACCEPTED) is None


def test_an_end_while_it_is_held_gives_no_place_back(start: Start) -> None:
    shift = start(CLOSING - MINUTE)
    shift.post()
    shift.clock.at = NIGHT
    cancelled, expired = shift.post().inspection_id, shift.post(expires_in_s=6 * 3600).inspection_id
    assert Endings(shift.database).cancel("client-a", cancelled) is State.CANCELLED
    assert shift.running() == 1, "that is the one from before closing"
    shift.clock.at = OPENING + 60 * MINUTE
    shift.sweep()
    assert shift.running() == 1
    ends = {row["inspection_id"]: row["state"] for row in shift.rows()}
    assert (ends[cancelled], ends[expired]) == ("cancelled", "expired")
    assert shift.held.count(None) == 0


def test_let_go_once_and_never_after_its_end(start: Start) -> None:
    shift = start(NIGHT)
    inspection_id = shift.post().inspection_id
    held = Held(inspection_id, "client-a", Lane.INTERACTIVE, State.ACCEPTED)
    shift.clock.at = OPENING
    assert shift.held.let_go(held)
    assert not shift.held.let_go(held)
    assert shift.running() == 1
    row = shift.database.one("SELECT released_at IS NOT NULL AS was_held FROM rvpxbverification_request_data")
    assert row == {"was_held": 1}


def test_let_go_and_never_sent_it_is_swept_up(start: Start) -> None:
    """The sweeper died between the two, or the queue was away."""
    shift = start(NIGHT)
    held = Held(shift.post().inspection_id, "client-a", Lane.INTERACTIVE, State.ACCEPTED)
    shift.clock.at = OPENING
    shift.held.let_go(held)
    shift.sweep()
    assert shift.work() == 0
    shift.clock.tick(seconds=31)
    shift.sweep()
    shift.work()
    assert states(shift) == {"passed": 1}


def test_worker_that_died_before_closing(start: Start) -> None:
    """Its message comes back at night and is put back; the attempt that it died in stays counted."""
    shift = start(CLOSING - MINUTE)
    inspection_id = shift.post().inspection_id
    WorkRecords(shift.database).claim(inspection_id, State.ACCEPTED, "worker", 30)
    shift.clock.at = NIGHT
    shift.work()
    (row,) = shift.rows()
    assert (row["held_until"], row["attempts"]) == (OPENING.replace(tzinfo=None), 1)
    shift.clock.at = OPENING
    shift.sweep()
    shift.work()
    assert states(shift) == {"passed": 1}


def test_hours_that_were_taken_away_let_everything_go(start: Start) -> None:
    shift = start(NIGHT)
    shift.post()
    always = HeldRecords(shift.database, Service(shift.database, ALWAYS))
    (held,) = always.due(10)
    assert always.let_go(held)
    assert always.hold(held.inspection_id, State.ACCEPTED) is None
