"""The frame around the queued stages, over records that are told what to answer."""

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidRequest, ScrutineerError, Unavailable
from core.handover import Handover
from core.identifiers import new_identifier
from core.settings import WorkerSettings
from core.states import State
from core.work_records import Claimed, LostLease, NotClaimed, WorkRecords
from core.worker import Advanced, Ended, Judged, Outcome, StageWorker, UnknownInspection, backoff_s
from tests.fakes.database import FakeDatabase
from tests.fakes.inspections import claimed
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

    def release(self, claimed: Claimed) -> bool:
        self.steps.append(("release", None))
        return not self.lost

    def advance(self, claimed: Claimed, start: State, end: State, photos: Any = None) -> None:
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

    def __init__(self, answer: Claimed | NotClaimed, work: Any = None, *, lost: bool = False) -> None:
        self.records = ToldRecords(answer, lost=lost)
        self.own, self.following = InMemoryQueue(), InMemoryQueue()
        self.worker = StageWorker(
            takes=State.ACCEPTED,
            work=work or (lambda claimed: Advanced(State.PRECHECKED)),
            records=self.records,
            handover=Handover(FakeDatabase(), both_lanes({State.ACCEPTED: self.own, State.PRECHECKED: self.following})),
            settings=WorkerSettings(lease_s=30, max_attempts=3),
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
    bench = Bench(claim, raising(Unavailable("away")))
    bench.worker.run(claim.inspection_id)
    assert bench.records.steps == [("release", None)]
    ((sent, delay_s),) = bench.own.sent
    assert sent == claim.inspection_id
    assert 2 <= delay_s <= 4


def test_the_delay_that_was_asked_for_is_kept() -> None:
    bench = Bench(claimed(), raising(Unavailable("away", retry_after_s=17)))
    bench.worker.run(ID)
    assert bench.own.sent[0][1] == 17


def test_lost_lease_is_not_sent_again() -> None:
    bench = Bench(claimed(), raising(Unavailable("away")), lost=True)
    bench.worker.run(ID)
    assert bench.own.sent == []


def test_the_last_attempt_ends_as_error() -> None:
    bench = Bench(claimed(attempt=3), raising(Unavailable("The store is away.")))
    bench.worker.run(ID)
    detail = "The store is away. Gave up after 3 attempts."
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
