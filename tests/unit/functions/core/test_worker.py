"""The frame around the queued stages, over records that are told what to answer."""

import io
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DeadlineExceeded, InvalidRequest, ScrutineerError, Unavailable
from core.handover import Handover
from core.identifiers import new_identifier
from core.retry_budget import MOST_TOKENS
from core.settings import WorkerSettings
from core.states import State
from core.work_records import Claimed, LostLease, NotClaimed, WorkRecords
from core.worker import Advanced, Ended, Judged, Outcome, StageWorker, UnknownInspection, backoff_s
from tests.fakes.clock import FakeClock
from tests.fakes.database import FakeDatabase
from tests.fakes.inspections import claimed
from tests.fakes.metrics import counted
from tests.fakes.queues import InMemoryQueue, both_lanes

ID = new_identifier("insp")


class ToldRecords(WorkRecords):
    """Answers every claim with `answer`; `steps` notes what was stored; `lost` makes every step too late."""

    def __init__(self, answer: Claimed | NotClaimed, *, lost: bool = False) -> None:
        self.answer = answer
        self.lost = lost
        self.steps: list[tuple[str, Any]] = []

    def claim(self, inspection_id: str, state: State, owner: str, lease_s: int) -> Claimed | NotClaimed:
        return self.answer

    def release(self, claimed: Claimed, *, counted: bool = True) -> bool:
        self.steps.append(("release", counted))
        return not self.lost

    def advance(self, claimed: Claimed, start: State, end: State, photos: Any = None, seen_before: Any = None) -> None:
        self._note("advance", (end, photos))

    def finish_with_result(self, claimed: Claimed, start: State, result: Any) -> None:
        self._note("result", result)

    def finish_with_failure(
        self, claimed: Claimed, start: State, end: State, *, code: str, detail: str, photos: Any = None
    ) -> None:
        self._note("failure", (end, code, detail))

    def _note(self, name: str, what: Any) -> None:
        if self.lost:
            raise LostLease("too late")
        self.steps.append((name, what))


class Bench:
    """One pre-check worker with everything around it."""

    def __init__(
        self, answer: Claimed | NotClaimed, work: Any = None, *, lost: bool = False, takes: State = State.ACCEPTED
    ) -> None:
        self.clock = FakeClock()
        self.records = ToldRecords(answer, lost=lost)
        self.own, self.following = InMemoryQueue(), InMemoryQueue()
        self.ended: list[tuple[str, int]] = []  # with how many steps had been stored by then
        self.worker = StageWorker(
            takes=takes,
            work=work or (lambda claimed: Advanced(State.PRECHECKED)),
            records=self.records,
            handover=Handover(FakeDatabase(), both_lanes({State.ACCEPTED: self.own, State.PRECHECKED: self.following})),
            settings=WorkerSettings(lease_s=30, max_attempts=3, notify_queue_url=""),
            clock=self.clock.now,
            on_final=lambda inspection_id: self.ended.append((inspection_id, len(self.records.steps))),
        )


def raising(error: BaseException) -> Any:
    def work(claimed: Claimed) -> Outcome:
        raise error

    return work


def test_step_is_stored_then_told() -> None:
    claim = claimed()
    bench = Bench(claim)
    bench.worker.run(claim.inspection_id)
    assert bench.records.steps == [("advance", (State.PRECHECKED, None))]
    assert bench.following.sent == [(claim.inspection_id, 0)]
    assert bench.own.sent == []


def test_verdict_is_stored_and_nobody_told() -> None:
    bench = Bench(claimed(), lambda claimed: Judged({"outcome": "passed"}))
    bench.worker.run(ID)
    assert bench.records.steps == [("result", {"outcome": "passed"})]
    assert bench.following.sent == []


@pytest.mark.parametrize("step", [Judged({}), Ended(State.ERROR, "x", "y"), Advanced(State.PRECHECKED)])
@pytest.mark.parametrize("lost", [False, True])
def test_the_end_is_said_after_its_commit_and_never_without_one(step: Outcome, lost: bool) -> None:
    claim = claimed()
    bench = Bench(claim, lambda claimed: step, lost=lost)
    bench.worker.run(claim.inspection_id)
    ended = not lost and not isinstance(step, Advanced)
    assert bench.ended == ([(claim.inspection_id, 1)] if ended else [])


def test_rejection_is_stored() -> None:
    bench = Bench(claimed(), lambda claimed: Ended(State.REJECTED, "photos_unusable", "Photo 1: dark."))
    bench.worker.run(ID)
    assert bench.records.steps == [("failure", (State.REJECTED, "photos_unusable", "Photo 1: dark."))]


@pytest.mark.parametrize("step", [Advanced(State.PRECHECKED), Judged({}), Ended(State.ERROR, "x", "y")])
def test_late_worker_drops_what_it_found(step: Outcome) -> None:
    bench = Bench(claimed(), lambda claimed: step, lost=True)
    bench.worker.run(ID)
    assert (bench.records.steps, bench.following.sent, bench.own.sent) == ([], [], [])


def test_what_may_pass_is_tried_again_by_a_new_message() -> None:
    claim = claimed(attempt=2)
    bench = Bench(claim, raising(Unavailable("failed", attempted=True)))
    bench.worker.run(claim.inspection_id)
    assert bench.records.steps == [("release", True)]
    ((sent, delay_s),) = bench.own.sent
    assert sent == claim.inspection_id
    assert 4 <= delay_s <= 8
    assert counted("StagesTriedAgain") == [1.0]


def test_what_is_away_counts_no_attempt_however_long_it_is() -> None:
    for attempt in (1, 2, 3):
        claim = replace(claimed(attempt=attempt), waited_s=290.0)
        bench = Bench(claim, raising(Unavailable("away")))
        bench.worker.run(claim.inspection_id)
        assert bench.records.steps == [("release", False)]
        ((_, delay_s),) = bench.own.sent
        assert 15 <= delay_s <= 30


def test_six_attempts_that_fail_outlast_five_minutes() -> None:
    assert sum(min(2 * 4**n, 600) / 2 for n in range(5)) > 300, "whatever the jitter"


def test_without_budget_it_waits_and_nothing_is_counted() -> None:
    done: list[str] = []

    def work(claimed: Claimed) -> Outcome:
        done.append(claimed.inspection_id)
        raise Unavailable("failed", attempted=True)

    bench = Bench(claimed(attempt=2), work)
    for _ in range(20):
        bench.worker.run(ID)
    assert len(done) == MOST_TOKENS
    assert [counted for _, counted in bench.records.steps] == [True] * len(done) + [False] * (20 - len(done))


def test_what_was_not_attempted_costs_no_budget() -> None:
    bench = Bench(claimed(attempt=2), raising(Unavailable("away")))
    for _ in range(20):
        bench.worker.run(ID)
    assert len(bench.records.steps) == 20
    bench.records.answer = claimed(attempt=3)
    bench.worker.run(ID)
    assert bench.records.steps[-1] == ("release", False)


def test_a_deadline_that_is_over_ends_it_before_any_work() -> None:
    bench = Bench(replace(claimed(), left_s=-0.1), raising(AssertionError("must not be asked")))
    bench.worker.run(ID)
    ((name, (state, code, _)),) = bench.records.steps
    assert (name, state, code) == ("failure", State.EXPIRED, "deadline_exceeded")


def test_a_deadline_nearer_than_the_work_lately_took_ends_it_too() -> None:
    def work(claimed: Claimed) -> Outcome:
        bench.clock.sleep(3)
        return Advanced(State.PRECHECKED)

    bench = Bench(replace(claimed(), left_s=2.9), work)
    bench.worker.run(ID)
    assert bench.records.steps[-1][0] == "advance", "nothing is known yet of how long it takes"
    bench.worker.run(ID)
    assert bench.records.steps[-1][1][:2] == (State.EXPIRED, "deadline_exceeded")
    bench.records.answer = replace(claimed(), left_s=3.1)
    bench.worker.run(ID)
    assert bench.records.steps[-1][0] == "advance"


def test_what_the_model_has_answered_is_judged_however_late() -> None:
    late = replace(claimed(), left_s=-5.0)
    bench = Bench(late, lambda claimed: Judged({"outcome": "passed"}), takes=State.INFERRED)
    bench.worker.run(ID)
    assert bench.records.steps == [("result", {"outcome": "passed"})]


def test_a_deadline_that_ends_the_work_itself() -> None:
    bench = Bench(claimed(), raising(DeadlineExceeded("The model endpoint did not answer before the deadline.")))
    bench.worker.run(ID)
    assert bench.records.steps[-1][1][:2] == (State.EXPIRED, "deadline_exceeded")


def test_the_delay_that_was_asked_for_is_kept() -> None:
    bench = Bench(claimed(), raising(Unavailable("away", retry_after_s=17)))
    bench.worker.run(ID)
    assert bench.own.sent[0][1] == 17


def test_lost_lease_is_not_sent_again() -> None:
    bench = Bench(claimed(), raising(Unavailable("away")), lost=True)
    bench.worker.run(ID)
    assert bench.own.sent == []


def test_the_last_attempt_ends_as_error() -> None:
    bench = Bench(claimed(attempt=3), raising(Unavailable("It failed.", attempted=True)))
    bench.worker.run(ID)
    detail = "It failed. Gave up after 3 attempts."
    assert bench.records.steps == [("failure", (State.ERROR, "unavailable", detail))]


def test_attempts_that_all_died_end_without_another() -> None:
    def work(claimed: Claimed) -> Outcome:
        raise AssertionError("must not be asked")

    bench = Bench(claimed(attempt=4), work)
    bench.worker.run(ID)
    assert bench.records.steps == [
        ("failure", (State.ERROR, "internal_error", "Every attempt of a stage was cut off."))
    ]


@pytest.mark.parametrize("error", [InvalidRequest("No."), ScrutineerError("No.")])
def test_what_will_not_pass_ends_at_once(error: ScrutineerError) -> None:
    bench = Bench(claimed(), raising(error))
    bench.worker.run(ID)
    assert bench.records.steps == [("failure", (State.ERROR, error.code, "No."))]


def test_bug_is_tried_again_and_its_message_kept_inside() -> None:
    for attempt, step in ((1, "release"), (3, "failure")):
        bench = Bench(claimed(attempt=attempt), raising(KeyError("SECRET")))
        bench.worker.run(ID)
        assert bench.records.steps[0][0] == step
        assert "SECRET" not in str(bench.records.steps)


def test_bug_is_logged_without_its_message(logged: io.StringIO) -> None:
    bench = Bench(claimed(), raising(KeyError("SECRET")))
    bench.worker.run(ID)
    assert "KeyError" in logged.getvalue()
    assert "test_worker.py" in logged.getvalue()
    assert "SECRET" not in logged.getvalue()


@pytest.mark.parametrize(("error", "counted"), [(KeyError("x"), 1), (Unavailable("x"), 0), (InvalidRequest("x"), 0)])
def test_only_a_bug_is_a_fault_of_its_version(
    error: Exception, counted: int, capsys: pytest.CaptureFixture[str]
) -> None:
    Bench(claimed(), raising(error)).worker.run(ID)
    assert capsys.readouterr().out.count('"Faults":') == counted


def test_unknown_inspection_is_poison() -> None:
    with pytest.raises(UnknownInspection):
        Bench(NotClaimed(state=None, queued=False)).worker.run(ID)


@pytest.mark.parametrize(
    ("state", "queued", "told"),
    [
        (State.ACCEPTED, False, 0),
        (State.ACCEPTED, True, 0),
        (State.PRECHECKED, True, 0),
        (State.PRECHECKED, False, 1),
        (State.INFERRED, False, 0),
        *((state, False, 0) for state in (State.PASSED, State.REJECTED, State.ERROR)),
    ],
)
def test_redelivery_tells_only_what_was_never_told(state: State, queued: bool, told: int) -> None:
    bench = Bench(NotClaimed(state=state, queued=queued))
    bench.worker.run(ID)
    assert len(bench.following.sent) == told
    assert bench.own.sent == []


def test_unreachable_queue_is_told_to_the_frame_outside() -> None:
    bench = Bench(claimed())
    bench.following.away = True
    with pytest.raises(Unavailable):
        bench.worker.run(ID)
    assert bench.records.steps, "the step itself is stored"


@given(st.integers(1, 40))
def test_backoff_grows_and_is_bounded(attempt: int) -> None:
    longest = min(2 * 2 ** (attempt - 1), 60)
    assert longest / 2 <= backoff_s(attempt) <= longest


def test_backoff_scatters() -> None:
    assert len({backoff_s(5) for _ in range(100)}) > 5
