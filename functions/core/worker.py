"""The frame around every queued stage: claim the inspection, do the stage's work, step on, tell the next stage.

Retries live here and nowhere else. What may pass (`Unavailable`) is tried again after a growing, jittered delay by a
new message, so the queue's receive count is left for what really is poison. Only what was really attempted counts:
after `max_attempts` of that the inspection ends as `error`, while one that finds a part away, busy or not to be asked
waits until its time to live is over. Doubled and late messages find no inspection to claim and are dropped.
"""

import random
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from core.errors import DeadlineExceeded, ScrutineerError, Unavailable
from core.faults import count_fault
from core.handover import Handover
from core.observability import logger, metrics, where
from core.retry_budget import RetryBudget
from core.settings import WorkerSettings
from core.states import FINAL, State
from core.work_records import Claimed, LostLease, NotClaimed, WorkRecords

FIRST_DELAY_S, LONGEST_DELAY_S = 2, 60
# Six attempts, the last at least five minutes after the first: an outage that answers errors ends no inspection.
ATTEMPT_FACTOR, LONGEST_ATTEMPT_DELAY_S = 4, 600
LONGEST_WAIT_S = 30  # for what is away: how late, at worst, its return is noticed
RECENT = 50


@dataclass(frozen=True)
class Advanced:
    """The stage is done; the next one takes the inspection in `state`. `seen_before` are photos that were handed in
    before, for the verdict."""

    state: State
    photos: Sequence[Mapping[str, Any]] | None = None
    seen_before: Sequence[Mapping[str, Any]] | None = None


@dataclass(frozen=True)
class Judged:
    """There is a verdict; `result` has the columns of the results table."""

    result: Mapping[str, Any]


@dataclass(frozen=True)
class Ended:
    """The inspection ends here without a verdict."""

    state: State
    code: str
    detail: str
    photos: Sequence[Mapping[str, Any]] | None = None


Outcome = Advanced | Judged | Ended


Hold = Callable[[str, State], datetime | None]
"""Puts an inspection in this state back until the moment that it tells, or tells None and leaves it as it is."""


def never_held(inspection_id: str, state: State) -> None:
    """A `Hold` for stages that work at any hour."""


class UnknownInspection(Exception):
    """A message names an inspection that no row knows: poison, for the dead-letter queue."""


class StageWorker:
    """One stage: it takes inspections in state `takes` and does `work` on them, once at a time each."""

    def __init__(
        self,
        *,
        takes: State,
        work: Callable[[Claimed], Outcome],
        records: WorkRecords,
        handover: Handover,
        settings: WorkerSettings,
        on_final: Callable[[str], None] = lambda inspection_id: None,
        hold: Hold = never_held,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`on_final` is called after the commit that ended an inspection; nothing may depend on it."""
        self._takes = takes
        self._work = work
        self._records = records
        self._handover = handover
        self._settings = settings
        self._on_final = on_final
        self._hold = hold
        self._clock = clock
        self._budget = RetryBudget(clock)
        self._recent_s: deque[float] = deque(maxlen=RECENT)

    def run(self, inspection_id: str) -> None:
        """Move one inspection on. Raises what a redelivery of the message may mend (Unavailable), or UnknownInspection.

        Returning means that the message is done with, whether or not there was something to do.
        """
        logger.append_keys(inspection_id=inspection_id)
        if held_until := self._hold(inspection_id, self._takes):
            logger.info("the service is closed", held_until=held_until)
            metrics.add_metric("InspectionsHeld", "Count", 1)
            return
        claimed = self._records.claim(inspection_id, self._takes, uuid4().hex, self._settings.lease_s)
        if isinstance(claimed, NotClaimed):
            self._pass_on(inspection_id, claimed)
            return
        try:
            self._settle(claimed, self._outcome(claimed))
        except LostLease:
            logger.warning("another worker has this inspection; dropped what was found", attempt=claimed.attempt)

    def _pass_on(self, inspection_id: str, found: NotClaimed) -> None:
        if found.state is None:
            raise UnknownInspection(inspection_id)
        if found.expired and found.state not in FINAL:
            if self._records.expire(inspection_id):
                self._on_final(inspection_id)
            return
        done_here = found.state is not self._takes and found.state not in FINAL
        if done_here and not found.queued and self._handover.leads_on(found.state):
            logger.info("the step was committed but never told on", state=found.state)
            self._handover.tell(inspection_id, found.state, client_id=found.client_id, lane=found.lane)

    def _outcome(self, claimed: Claimed) -> Outcome | Unavailable:
        if claimed.attempt > self._settings.max_attempts:
            return Ended(State.ERROR, "internal_error", "Every attempt of a stage was cut off.")
        if self._comes_too_late(claimed):
            metrics.add_metric("DeadlinesExceeded", "Count", 1)
            return Ended(State.EXPIRED, DeadlineExceeded.code, "The caller's deadline can't be met any more.")
        if claimed.attempt == 1:
            self._budget.earn()
        elif not self._budget.spend():
            metrics.add_metric("RetriesPutOff", "Count", 1)
            return Unavailable("Too much is being done again at the moment.")
        outcome = self._attempt(claimed)
        if claimed.attempt > 1 and isinstance(outcome, Unavailable) and not outcome.attempted:
            self._budget.give_back()
        return outcome

    def _comes_too_late(self, claimed: Claimed) -> bool:
        """Whether the deadline is nearer than this stage was quick lately; what the model has answered is kept."""
        if claimed.left_s is None or self._takes is State.INFERRED:
            return False
        return claimed.left_s <= min(self._recent_s, default=0.0)

    def _attempt(self, claimed: Claimed) -> Outcome | Unavailable:
        start = self._clock()
        try:
            outcome = self._work(claimed)
            if isinstance(outcome, Advanced):
                self._recent_s.append(self._clock() - start)
            return outcome
        except Unavailable as error:
            return error
        except DeadlineExceeded as error:
            return Ended(State.EXPIRED, error.code, error.detail)
        except ScrutineerError as error:
            return Ended(State.ERROR, error.code, error.detail)
        except LostLease:
            raise
        except Exception as error:  # the outermost edge of a stage: a bug must end in a record, not in a loop
            logger.error("the stage failed", error_type=type(error).__name__, where=where(error))
            count_fault()
            return Unavailable("The stage failed.", attempted=True)

    def _settle(self, claimed: Claimed, outcome: Outcome | Unavailable) -> None:
        match outcome:
            case Advanced(state, photos, seen_before):
                self._records.advance(claimed, self._takes, state, photos, seen_before)
                self._tell(claimed, state)
            case Judged(result):
                self._records.finish_with_result(claimed, self._takes, result)
                self._on_final(claimed.inspection_id)
            case Ended(state, code, detail, photos):
                self._records.finish_with_failure(claimed, self._takes, state, code=code, detail=detail, photos=photos)
                self._on_final(claimed.inspection_id)
            case Unavailable():
                self._try_again(claimed, outcome)

    def _try_again(self, claimed: Claimed, error: Unavailable) -> None:
        if error.attempted and claimed.attempt >= self._settings.max_attempts:
            detail = f"{error.detail} Gave up after {claimed.attempt} attempts."
            self._settle(claimed, Ended(State.ERROR, error.code, detail))
            return
        if error.attempted:
            own_s = backoff_s(claimed.attempt, ATTEMPT_FACTOR, LONGEST_ATTEMPT_DELAY_S)
        else:
            own_s = waiting_s(claimed.waited_s)
        delay_s = error.retry_after_s or own_s
        logger.warning("will be tried again", code=error.code, attempt=claimed.attempt, delay_s=delay_s)
        metrics.add_metric("StagesTriedAgain", "Count", 1)
        if self._records.release(claimed, counted=error.attempted):
            self._tell(claimed, self._takes, delay_s)

    def _tell(self, claimed: Claimed, state: State, delay_s: int = 0) -> None:
        self._handover.tell(
            claimed.inspection_id, state, client_id=claimed.client_id, lane=claimed.lane, delay_s=delay_s
        )


def backoff_s(attempt: int, factor: int = 2, longest_s: int = LONGEST_DELAY_S) -> int:
    """Whole seconds before attempt `attempt` + 1: so many times longer each time, the upper half of it random, so that
    many that failed together do not come back together."""
    return jittered_s(min(FIRST_DELAY_S * factor ** (attempt - 1), longest_s))


def waiting_s(waited_s: float) -> int:
    """Whole seconds until the next look for what is away: as long again as was waited already, so it grows without
    anything being counted."""
    return jittered_s(min(max(waited_s, FIRST_DELAY_S), LONGEST_WAIT_S))


def jittered_s(longest_s: float) -> int:
    """Whole seconds, at random from the upper half."""
    return round(random.uniform(longest_s / 2, longest_s))
