"""A process may die, or freeze and come back too late, at every side effect of a batch: each line ends exactly once.

The same checks run over planted bugs and must find each of them.
"""

import json
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from core.batches import BatchLine, LostBatch, add_line
from core.database import Database
from core.inspection_records import InspectionRecords, NewRequest
from core.settings import DatabaseSettings
from core.webhook_outbox import tell_of_batch
from scrutineer.local.database import OWNER
from spread.batch_work import BatchWork, ClaimedBatch
from tests.fakes.batch_world import BatchParts, BatchProgram, BatchWorld
from tests.fakes.batches import good_line, manifest
from tests.fakes.crashing import Crash, Gate, Mode

LINES = [good_line(custom_id="a"), "not JSON", good_line(custom_id="c"), {"item": 1}]
MANIFEST = manifest(LINES)
REFUSED = {2: "not_json", 4: "invalid_request"}
TABLES = (
    "rvpxbverification_request_data",
    "inspection_events",
    "batches",
    "batch_items",
    "client_usage",
    "webhook_deliveries",
    "webhook_endpoints",
)


def one_run(world: BatchWorld, at: int, mode: Mode, *, cancel: bool) -> tuple[bool, list[str]]:
    """One batch that is stopped at side effect `at`; whether it came that far, and what is wrong in the end."""
    found: list[str] = []

    def meanwhile() -> None:
        heal(world)
        found.extend(violations(world, cancel=cancel))

    gate = Gate(at, mode, meanwhile)
    program = BatchProgram(world, gate)
    try:
        batch_id = program.post(MANIFEST)
        if cancel:
            program.deliver()
            program.records.cancel("client-a", batch_id)
        for _ in range(3):
            program.deliver()
            world.end_inspections()
            world.pass_time()
    except (Crash, LostBatch):
        pass
    finally:
        program.close()
    heal(world)
    found += violations(world, cancel=cancel)
    return gate.reached, found


def heal(world: BatchWorld) -> None:
    """The client asks again, leases run out, inspections end, the sweeper runs: as often as it takes."""
    program = BatchProgram(world)
    program.post(MANIFEST)
    for _ in range(4):
        world.pass_time()
        program.sweep()
        program.deliver()
        world.end_inspections()
    program.close()


def violations(world: BatchWorld, *, cancel: bool) -> list[str]:
    """What does not hold of the batch once all has healed."""
    found = []
    batches = world.rows("SELECT * FROM batches")
    ends = [["finished"], ["cancelled"]] if cancel else [["finished"]]
    if [batch["state"] for batch in batches if batch["finished_at"]] not in ends:
        found.append(f"the batches are {[(batch['state'], batch['finished_at']) for batch in batches]}")
    items = {row["line"]: row for row in world.rows("SELECT * FROM batch_items ORDER BY line")}
    inspections = {row["inspection_id"] for row in world.rows("SELECT * FROM rvpxbverification_request_data")}
    ended = batches[0]["state"] == "finished" if batches else False
    if ended and list(items) != [1, 2, 3, 4]:
        found.append(f"the lines are {list(items)}")
    accepted = {row["inspection_id"] for row in items.values() if row["inspection_id"]}
    if accepted != inspections:
        found.append(f"{len(accepted)} lines are inspections, of which there are {len(inspections)}")
    for line, item in items.items():
        if item["code"] != REFUSED.get(line):
            found.append(f"line {line} has the code {item['code']}")
    used = world.rows("SELECT day_count FROM client_usage WHERE client_id = 'client-a'")
    if sum(row["day_count"] for row in used) > len(inspections):
        found.append(f"{used} counted of {len(inspections)}")
    told = world.rows("SELECT * FROM webhook_deliveries WHERE event = 'batch.finished'")
    if batches and len(told) != 1:
        found.append(f"the client is told {len(told)} times")
    results = [content for key, content in world.objects.objects.items() if key.endswith("results.jsonl")]
    lines = [json.loads(line)["line"] for content in results for line in content.splitlines()]
    if lines != list(items):
        found.append(f"the results have the lines {lines}")
    if any(key.endswith("manifest.jsonl") for key in world.objects.objects if batches[0]["batch_id"] in key):
        found.append("the manifest is still there")
    return found


def every_point(
    settings: DatabaseSettings, mode: Mode, parts: BatchParts, *, cancel: bool = False
) -> tuple[int, list[str]]:
    """How many side effects there are, and what went wrong at the first of them at which something did."""
    found: list[str] = []
    for at in count(1):
        world = BatchWorld(settings, parts)
        BatchWorld(replace(settings, user=OWNER), parts).run(*(f"DELETE FROM {table}" for table in TABLES))
        world.run(
            "INSERT INTO webhook_endpoints (endpoint_id, client_id, url, events, secret, created_at, updated_at)"
            " VALUES ('e', 'client-a', '', '[\"batch.finished\"]', '', UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))",
        )
        reached, wrong = one_run(world, at, mode, cancel=cancel)
        found += [f"stopped {mode} side effect {at}: {each}" for each in wrong]
        if found or not reached:
            return at - 1, found
    raise AssertionError("unreachable")


@pytest.mark.parametrize("mode", ["before", "after", "stall"])
def test_every_side_effect(settings: DatabaseSettings, mode: Mode) -> None:
    effects, found = every_point(settings, mode, BatchParts())
    assert found == []
    assert effects > 40


@pytest.mark.parametrize("mode", ["before", "after", "stall"])
def test_every_side_effect_of_a_batch_that_is_cancelled(settings: DatabaseSettings, mode: Mode) -> None:
    effects, found = every_point(settings, mode, BatchParts(), cancel=True)
    assert found == []
    assert effects > 40


class LineAfterwards(InspectionRecords):
    """A planted bug: the row of a line follows its inspection in a transaction of its own."""

    def add(self, request: NewRequest) -> None:
        line = request.batch_line
        assert line is not None
        super().add(NewRequest(**{**vars(request), "batch_line": None}))
        self._database.transaction(lambda transaction: add_line(transaction, line, request.inspection_id))


class NotesAhead(BatchWork):
    """A planted bug: a line is noted as read before it is done with."""

    def lines_done(self, batch: ClaimedBatch) -> set[int]:
        self.note(batch, batch.state, batch.lines_read, batch.bytes_read)
        self._database.execute(
            "UPDATE batches SET lines_read = 2, bytes_read = %s WHERE batch_id = %s AND lines_read = 0",
            (sum(len(line) + 1 for line in MANIFEST.splitlines()[:2]), batch.batch_id),
        )
        return super().lines_done(batch)


class EndsUnfenced(BatchWork):
    """A planted bug: whoever wrote results ends the batch, also without the lease."""

    def finish(self, batch: ClaimedBatch) -> None:
        def work(transaction: Any) -> None:
            transaction.execute(
                "UPDATE batches SET state = 'finished', finished_at = UTC_TIMESTAMP(6), next_at = NULL"
                " WHERE batch_id = %s",
                (batch.batch_id,),
            )
            tell_of_batch(transaction, batch.batch_id, batch.client_id)

        self._database.transaction(work)


@pytest.mark.parametrize(
    ("parts", "mode", "expected"),
    [
        (BatchParts(records=LineAfterwards), "after", "lines are inspections"),
        (BatchParts(work=NotesAhead), "before", "the lines are"),
        (BatchParts(work=EndsUnfenced), "stall", "told 2 times"),
        (BatchParts(sweeps=False), "before", "the batches are"),
    ],
    ids=["line after its inspection", "notes ahead", "ends unfenced", "no sweeper"],
)
def test_planted_bug_is_found(settings: DatabaseSettings, parts: BatchParts, mode: Mode, expected: str) -> None:
    _, found = every_point(settings, mode, parts)
    assert any(expected in each for each in found), found


def test_a_line_belongs_to_the_lease(settings: DatabaseSettings) -> None:
    world = BatchWorld(settings)
    program = BatchProgram(world)
    batch_id = program.post(MANIFEST)
    database = Database(settings)
    line = BatchLine(batch_id, 1, None, "somebody else")
    with pytest.raises(LostBatch):
        database.transaction(lambda transaction: add_line(transaction, line, None, "code", "detail"))
    database.close()
    program.close()
