"""A process may die, or freeze and come back too late, at every single side effect: nothing accepted is ever lost, and
nothing is done twice that may not be.

The same checks run over planted bugs and must find each of them.
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from core.database import Database, Transaction
from core.settings import DatabaseSettings
from core.states import State
from core.work_records import Claimed, WorkRecords
from invoke.invoke import Invoke
from scrutineer.local.database import OWNER
from sweeper.sweep import Swept
from tests.fakes.crashing import Crash, Gate, Mode
from tests.fakes.pipeline import AnswersFirst, Parts, Program, World, violations

TABLES = ("rvpxbverification_request_data", "rvpxbverification", "rvpxbverification_fail")


def one_run(world: World, at: int, mode: Mode, *, lose_messages: bool = False) -> tuple[bool, list[str]]:
    """One inspection that is stopped at side effect `at`; whether it came that far, and what is wrong in the end."""
    found: list[str] = []

    def meanwhile() -> None:
        heal(world)
        found.extend(violations(world))

    gate = Gate(at, mode, meanwhile)
    program = Program(world, gate)
    try:
        program.post()
        if lose_messages:
            for queue in world.queues.values():
                queue.sent.clear()
            world.pass_time()
            program.sweep()
        program.drain()
    except Crash:
        pass
    finally:
        program.close()
    heal(world)
    found += violations(world)
    if mode != "stall" and world.repeated_calls:
        found.append("the endpoint was asked although its answer was in the bucket")
    return gate.reached, found


def heal(world: World) -> None:
    """The client asks again, messages come again, leases run out, the sweeper runs: as often as it takes."""
    program = Program(world, Gate())
    program.post()
    for _ in range(3):
        program.drain()
        world.pass_time()
        program.sweep()
    program.drain()
    program.close()


def every_point(
    settings: DatabaseSettings, mode: Mode, parts: Parts, *, lose_messages: bool = False
) -> tuple[int, list[str]]:
    """How many side effects there are, and what went wrong at the first of them at which something did."""
    found: list[str] = []
    database = Database(replace(settings, user=OWNER))
    try:
        for at in count(1):
            for table in TABLES:
                database.execute(f"DELETE FROM {table}")
            reached, wrong = one_run(World(settings, parts), at, mode, lose_messages=lose_messages)
            found += [f"stopped {mode} side effect {at}: {each}" for each in wrong]
            if found or not reached:
                return at - 1, found
    finally:
        database.close()
    raise AssertionError("unreachable")


@pytest.mark.parametrize("mode", ["before", "after", "stall"])
def test_every_side_effect(settings: DatabaseSettings, mode: Mode) -> None:
    effects, found = every_point(settings, mode, Parts())
    assert found == []
    assert effects > 25


def test_every_side_effect_after_a_lost_message(settings: DatabaseSettings) -> None:
    """The way over the sweeper."""
    effects, found = every_point(settings, "after", Parts(), lose_messages=True)
    assert found == []
    assert effects > 27


class Unfenced(WorkRecords):
    """A planted bug: a step asks neither for the state it starts from nor for the lease."""

    def _step(self, transaction: Transaction, claimed: Claimed, start: State, end: State, *rest: Any) -> None:
        transaction.execute(
            "UPDATE rvpxbverification_request_data SET state = %s, lease_owner = NULL, lease_until = NULL,"
            " queued_at = NULL WHERE inspection_id = %s",
            (end.value, claimed.inspection_id),
        )


class StepsFirst(WorkRecords):
    """A planted bug: the result follows the final state in a transaction of its own."""

    def finish_with_result(self, claimed: Claimed, start: State, result: Mapping[str, Any]) -> None:
        self._database.transaction(
            lambda transaction: self._step(transaction, claimed, start, State(result["outcome"]), None)
        )
        self._database.execute(
            "INSERT INTO rvpxbverification (inspection_id, client_id, outcome, answers, reasons, model, served_by,"
            " usage_counts, timings_ms, created_at)"
            " VALUES (%s, %s, %s, '[]', '[]', '{}', '', '{}', '{}', UTC_TIMESTAMP(6))",
            (claimed.inspection_id, claimed.client_id, result["outcome"]),
        )


class AsksAgain(Invoke):
    """A planted bug: an answer that is in the bucket is not looked for."""

    def _earlier(self, claimed: Claimed) -> bytes | None:
        return None


def no_sweep(*_: Any, **__: Any) -> Swept:
    """A planted bug: nobody sends again what was never sent."""
    return Swept(0, 0)


@pytest.mark.parametrize(
    ("parts", "mode", "expected"),
    [
        (Parts(work_records=Unfenced), "stall", "with the results"),
        (Parts(work_records=StepsFirst), "before", "with the results []"),
        (Parts(inspection_records=AnswersFirst), "before", "was told to the client and is unknown"),
        (Parts(invoke=AsksAgain), "after", "the endpoint was asked although"),
        (Parts(sweep=no_sweep), "before", "is accepted"),
    ],
    ids=["no fence", "result after the step", "answer before the commit", "asks again", "no sweeper"],
)
def test_planted_bug_is_found(settings: DatabaseSettings, parts: Parts, mode: Mode, expected: str) -> None:
    _, found = every_point(settings, mode, parts)
    assert any(expected in each for each in found)
