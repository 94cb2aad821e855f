"""Ten thousand lines pass through the reader one at a time, and it stops where it must."""

import json
import tracemalloc
from collections.abc import Iterator
from typing import Any, cast

import pytest

from core.accept import Accept, Acceptance
from core.batches import BatchLine, BatchState, LostBatch
from core.errors import Forbidden, QuotaExceeded, ScrutineerError, TooManyRunning, Unavailable
from core.usage import Limit
from spread.batch_work import BatchWork, ClaimedBatch
from spread.read import PLACES_WAIT_S, ReadLines
from tests.fakes.batches import InMemoryBatchObjects, good_line, manifest
from tests.fakes.requests import new_request
from tests.fakes.usage import FixedUsage, allowance


class Noted(BatchWork):
    """`refused` holds (line, code), `notes` (state, lines, bytes). Note `cancelled_at` finds it cancelled."""

    def __init__(self, done: set[int] | None = None, cancelled_at: int | None = None) -> None:
        self.done = done or set()
        self.cancelled_at = cancelled_at
        self.refused: list[tuple[int, str]] = []
        self.notes: list[tuple[BatchState, int, int]] = []

    def lines_done(self, batch: ClaimedBatch) -> set[int]:
        return self.done

    def refuse(self, line: BatchLine, code: str, detail: str) -> None:
        self.refused.append((line.line, code))

    def note(self, batch: ClaimedBatch, state: BatchState, lines_read: int, bytes_read: int) -> None:
        if len(self.notes) == self.cancelled_at:
            raise LostBatch
        self.notes.append((state, lines_read, bytes_read))


class Accepting:
    """`accepted` holds the keys; the error that `fails` has for a line is raised there."""

    def __init__(self, fails: dict[int, Exception] | None = None) -> None:
        self.fails = fails or {}
        self.accepted: list[str] = []
        self.repeats = False

    def __call__(self, request: Any, client_id: str, allowance: Any, key: str, *, batch_line: BatchLine) -> Acceptance:
        if error := self.fails.get(batch_line.line):
            raise error
        self.accepted.append(key)
        return Acceptance("insp_x", None if self.repeats else new_request())


def claimed(lines: int, lines_read: int = 0, bytes_read: int = 0) -> ClaimedBatch:
    return ClaimedBatch("batch_x", "client-a", "me", BatchState.READING, "key", lines, lines_read, bytes_read)


def reader(work: Noted, accepting: Accepting, text: str, usage: FixedUsage | None = None) -> ReadLines:
    objects = InMemoryBatchObjects()
    objects.objects["key"] = text.encode()
    return ReadLines(work, cast(Accept, accepting), usage or FixedUsage(), objects, noted_every=2)


def test_every_line_has_a_key_of_its_own_and_the_end_is_noted() -> None:
    text = manifest([good_line()] * 5)
    work, accepting = Noted(), Accepting()
    assert reader(work, accepting, text)(claimed(5), lambda: True) is None
    assert accepting.accepted == [f"batch:batch_x:{line}" for line in range(1, 6)]
    assert [note[:2] for note in work.notes] == [
        (BatchState.READING, 2),
        (BatchState.READING, 4),
        (BatchState.RUNNING, 5),
    ]
    assert work.notes[-1][2] == len(text)


def test_it_goes_on_where_it_was_left() -> None:
    text = manifest([good_line()] * 5)
    one = len(text) // 5
    work, accepting = Noted(done={3}), Accepting()
    assert reader(work, accepting, text)(claimed(5, 2, 2 * one), lambda: True) is None
    assert accepting.accepted == ["batch:batch_x:4", "batch:batch_x:5"]


def test_no_time_left() -> None:
    work, accepting = Noted(), Accepting()
    times = iter([True, True, True, False])
    assert reader(work, accepting, manifest([good_line()] * 5))(claimed(5), lambda: next(times)) == 0
    assert (len(accepting.accepted), work.notes[-1][1]) == (3, 3)


@pytest.mark.parametrize(
    ("error", "wait_s"),
    [
        (TooManyRunning("200 of 200", retry_after_s=2), PLACES_WAIT_S),
        (Unavailable("away", retry_after_s=7), 7),
        (Unavailable("away"), 5),
    ],
)
def test_what_passes_is_waited_for_and_costs_no_line(error: ScrutineerError, wait_s: int) -> None:
    work, accepting = Noted(), Accepting({4: error})
    assert reader(work, accepting, manifest([good_line()] * 5))(claimed(5), lambda: True) == wait_s
    assert (work.refused, work.notes[-1][:2]) == ([], (BatchState.READING, 3))


class NotReached(Unavailable):
    code = "not_reached_in_this_test"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (QuotaExceeded("used up"), "quota_exceeded"),
        (Forbidden("disabled"), "forbidden"),
        (NotReached("its URL does not answer"), "not_reached_in_this_test"),
        (ZeroDivisionError("a bug of ours"), "internal_error"),
    ],
)
def test_what_does_not_pass_costs_its_line_alone(error: Exception, code: str) -> None:
    work, accepting = Noted(), Accepting({2: error})
    assert reader(work, accepting, manifest([good_line()] * 3))(claimed(3), lambda: True) is None
    assert work.refused == [(2, code)]
    assert len(accepting.accepted) == 2


def test_a_key_that_another_request_has_is_told() -> None:
    work, accepting = Noted(), Accepting()
    accepting.repeats = True
    reader(work, accepting, manifest([good_line()]))(claimed(1), lambda: True)
    assert work.refused == [(1, "idempotency_conflict")]


def test_a_cancelled_batch_is_read_no_further() -> None:
    work, accepting = Noted(cancelled_at=1), Accepting()
    with pytest.raises(LostBatch):
        reader(work, accepting, manifest([good_line()] * 9))(claimed(9), lambda: True)
    assert len(accepting.accepted) == 4


def test_a_manifest_that_is_gone_ends_its_lines() -> None:
    work, accepting = Noted(), Accepting()
    read = ReadLines(work, cast(Accept, accepting), FixedUsage(), InMemoryBatchObjects())
    assert read(claimed(3, 1, 10), lambda: True) is None
    assert work.refused == [(2, "manifest_gone"), (3, "manifest_gone")]


@pytest.mark.parametrize(("used", "most", "goes_on"), [(2, 4, True), (3, 4, False), (0, 1, True), (1, 1, False)])
def test_a_quarter_of_the_places_is_left_to_others(used: int, most: int, goes_on: bool) -> None:
    usage = FixedUsage(allowance(limits=(Limit("running", most, used, None, None),)))
    work, accepting = Noted(), Accepting()
    waits_s = reader(work, accepting, manifest([good_line()]), usage)(claimed(1), lambda: True)
    assert (waits_s is None) == goes_on == bool(accepting.accepted)


def test_ten_thousand_lines_are_never_in_memory_at_once() -> None:
    line = json.dumps(good_line(item={"description": "x" * 400, "attributes": {}})).encode() + b"\n"

    class Endless(InMemoryBatchObjects):
        def lines(self, key: str, start: int = 0) -> Iterator[bytes]:
            for number in range(10_000):
                yield bytes(line[:-1]) + b" " * (number % 7) + b"\n"

    work, accepting = Noted(), Accepting()
    accepting.accepted = cast(list[str], Counting())
    read = ReadLines(work, cast(Accept, accepting), FixedUsage(), Endless())
    tracemalloc.start()
    try:
        assert read(claimed(10_000), lambda: True) is None
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert cast(Counting, accepting.accepted).count == 10_000
    assert peak < 8 * 1024 * 1024 < 10_000 * len(line)


class Counting:
    """A list that only knows how long it would be."""

    def __init__(self) -> None:
        self.count = 0

    def append(self, _: str) -> None:
        self.count += 1
