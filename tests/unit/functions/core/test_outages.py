"""Minutes of an endpoint in trouble, played in simulated time: stage, breaker, budget and delays as they are."""

import heapq
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from core.circuit_breaker import CircuitBreaker
from core.endpoint import Answered, EndpointUnavailable, GuardedEndpoint
from core.handover import Handover
from core.observability import logger
from core.settings import WorkerSettings
from core.states import State
from core.work_records import Claimed, NotClaimed, WorkRecords
from core.worker import LONGEST_WAIT_S, Advanced, Outcome, StageWorker
from tests.fakes.clock import FakeClock
from tests.fakes.database import FakeDatabase
from tests.fakes.inspections import claimed
from tests.fakes.queues import InMemoryQueue, both_lanes

PROCESSES = 15
OUTAGE_S = 300
Trouble = Callable[[float], EndpointUnavailable | None]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Thousands of lines about retries would be most of a test's time."""
    logger.setLevel("CRITICAL")
    yield
    logger.setLevel("INFO")


class Inspections(WorkRecords):
    """Rows in a dictionary; `ended` holds (state, seconds from its arrival) by id."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.attempts: Counter[str] = Counter()
        self.arrived: dict[str, float] = {}
        self.ended: dict[str, tuple[State, float]] = {}

    def claim(self, inspection_id: str, state: State, owner: str, lease_s: int) -> Claimed | NotClaimed:
        self.attempts[inspection_id] += 1
        waited_s = self.clock.now() - self.arrived[inspection_id]
        return replace(claimed(self.attempts[inspection_id]), inspection_id=inspection_id, waited_s=waited_s)

    def release(self, claimed: Claimed, *, counted: bool = True) -> bool:
        self.attempts[claimed.inspection_id] -= not counted
        return True

    def advance(self, claimed: Claimed, start: State, end: State, photos: Any = None, seen_before: Any = None) -> None:
        self._end(claimed, end)

    def finish_with_failure(
        self, claimed: Claimed, start: State, end: State, *, code: str, detail: str, photos: Any = None
    ) -> None:
        self._end(claimed, end)

    def _end(self, claimed: Claimed, end: State) -> None:
        spent_s = self.clock.now() - self.arrived[claimed.inspection_id]
        self.ended[claimed.inspection_id] = (end, spent_s)


class Delayed(InMemoryQueue):
    """Messages by the moment at which they are due."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self.clock = clock
        self.due: list[tuple[float, int, str]] = []

    def send(self, inspection_id: str, *, group: str, delay_s: int = 0) -> None:
        heapq.heappush(self.due, (self.clock.now() + delay_s, random.getrandbits(30), inspection_id))


class Stub:
    """An endpoint whose `trouble` says what is wrong at a moment, if anything is."""

    def __init__(self, clock: FakeClock, trouble: Trouble) -> None:
        self.clock = clock
        self.trouble = trouble
        self.calls = 0

    def invoke(self, body: bytes, inference_id: str, timeout_s: float | None = None) -> Answered:
        self.calls += 1
        if error := self.trouble(self.clock.now() - BEGIN):
            raise error
        return Answered(b"{}", "stub")


BEGIN = FakeClock().now()


def play(count: int, every_s: float, trouble: Trouble) -> tuple[Inspections, int]:
    """`count` inspections come one after the other to fifteen processes; their rows, and the calls of the endpoint."""
    random.seed(7)
    clock = FakeClock()
    records, own, next_ = Inspections(clock), Delayed(clock), InMemoryQueue()
    stub = Stub(clock, trouble)
    handover = Handover(FakeDatabase(), both_lanes({State.PRECHECKED: own, State.INFERRED: next_}))

    def process() -> StageWorker:
        guarded = GuardedEndpoint(stub, CircuitBreaker(clock.now))

        def work(claimed: Claimed) -> Outcome:
            guarded.invoke(b"{}", claimed.inspection_id)
            return Advanced(State.INFERRED)

        return StageWorker(
            takes=State.PRECHECKED,
            work=work,
            records=records,
            handover=handover,
            settings=WorkerSettings(lease_s=80, max_attempts=6, notify_queue_url=""),
            clock=clock.now,
        )

    processes = [process() for _ in range(PROCESSES)]
    for number in range(count):
        inspection_id = f"insp_{number}"
        records.arrived[inspection_id] = BEGIN + number * every_s
        heapq.heappush(own.due, (records.arrived[inspection_id], number, inspection_id))
    while own.due:
        due, _, inspection_id = heapq.heappop(own.due)
        clock.sleep(max(0.0, due - clock.now()))
        random.choice(processes).run(inspection_id)
    assert len(records.ended) == count
    return records, stub.calls


def ends(records: Inspections) -> Counter[State]:
    return Counter(state for state, _ in records.ended.values())


@pytest.mark.parametrize(("count", "every_s"), [(1, 1.0), (60, 5.0), (600, 0.5)])
def test_an_endpoint_that_is_away_for_five_minutes_ends_no_inspection(count: int, every_s: float) -> None:
    records, calls = play(count, every_s, lambda at: EndpointUnavailable("gone") if at < OUTAGE_S else None)
    assert ends(records) == {State.INFERRED: count}
    latest = max(records.arrived[each] + spent_s for each, (_, spent_s) in records.ended.items())
    assert latest - BEGIN < OUTAGE_S + 150, "all is done soon after its return"
    assert calls < count + 25 * PROCESSES, "the breaker lets only probes through meanwhile"


@pytest.mark.parametrize(("count", "every_s"), [(1, 1.0), (60, 5.0), (600, 0.5)])
def test_an_endpoint_that_only_answers_errors_for_five_minutes_ends_none_either(count: int, every_s: float) -> None:
    def trouble(at: float) -> EndpointUnavailable | None:
        return EndpointUnavailable("500", attempted=True) if at < OUTAGE_S else None

    records, _ = play(count, every_s, trouble)
    assert ends(records) == {State.INFERRED: count}


def test_throttled_four_times_in_five() -> None:
    def trouble(at: float) -> EndpointUnavailable | None:
        return EndpointUnavailable("429", busy=True) if at < OUTAGE_S and random.random() < 0.8 else None

    records, _ = play(400, 0.8, trouble)
    assert ends(records) == {State.INFERRED: 400}


@pytest.mark.parametrize(("count", "every_s"), [(1, 1.0), (600, 1.0)])
def test_an_endpoint_that_takes_ten_minutes_to_wake_is_found_awake_within_half_a_minute(
    count: int, every_s: float
) -> None:
    start_s = 600
    asked: list[float] = []

    def trouble(at: float) -> EndpointUnavailable | None:
        asked.append(at)
        return EndpointUnavailable("no copy yet", busy=True) if at < asked[0] + start_s else None

    records, calls = play(count, every_s, trouble)
    assert ends(records) == {State.INFERRED: count}
    latest = max(records.arrived[each] + spent_s for each, (_, spent_s) in records.ended.items())
    assert latest - BEGIN <= start_s + LONGEST_WAIT_S
    assert max(records.attempts.values()) == 1, "only the last look was an attempt"
    # SageMaker counts the calls of a minute, and one is enough to wake it.
    assert {int(at // 60) for at in asked} >= set(range(10))
    assert calls <= 50 * count


def test_errors_three_times_in_ten_cost_no_more_than_they_must() -> None:
    def trouble(at: float) -> EndpointUnavailable | None:
        return EndpointUnavailable("500", attempted=True) if random.random() < 0.3 else None

    records, calls = play(2000, 0.2, trouble)
    assert calls / 2000 <= 1.5
    assert ends(records)[State.ERROR] <= 2000 * 0.005


def test_what_never_succeeds_ends_after_six_attempts() -> None:
    records, calls = play(1, 1.0, lambda at: EndpointUnavailable("500", attempted=True))
    assert (ends(records), calls) == ({State.ERROR: 1}, 6)
    ((_, spent_s),) = records.ended.values()
    assert spent_s > OUTAGE_S
