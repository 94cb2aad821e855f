"""Dead letters by their routes, over the real database: why they are there, and back to the stages without a loss."""

from typing import Any

import pytest

from admin.dead_letter_contract import StageName
from admin.dead_letters import AT_ONCE, StageQueues
from core.database import Database
from core.endings import Endings
from core.identifiers import new_identifier
from core.lanes import Lane
from core.roles import Role
from core.states import State
from core.work_records import WorkRecords
from tests.fakes.administration import Administration
from tests.fakes.api_gateway import Answer
from tests.fakes.dead_letters import InMemoryDeadLetters
from tests.fakes.queues import InMemoryQueue
from tests.fakes.requests import RESULT, accepted
from tests.integration.functions.test_endings import claimed_in

PATH = "/v1/admin/dead-letters"
REDRIVE = f"{PATH}/redrive"


class Bench:
    """Administration whose invoke stage gave up these messages; the other stages gave up none."""

    def __init__(self, database: Database, *inspection_ids: str | None) -> None:
        self.dead = InMemoryDeadLetters(*inspection_ids)
        self.lanes = {lane: InMemoryQueue() for lane in Lane}
        stages = {
            stage: StageQueues(dict.fromkeys(Lane, InMemoryQueue()), InMemoryDeadLetters()) for stage in StageName
        }
        self.admin = Administration(database, stages=stages | {StageName.INVOKE: StageQueues(self.lanes, self.dead)})
        self.ask = self.admin.ask

    def redrive(self, message_id: str | None = None, *, dry_run: bool = False) -> Answer:
        body: dict[str, Any] = {"stage": "invoke"} | ({"message_id": message_id} if message_id else {})
        return self.ask("POST", REDRIVE, body, query={"dry_run": "true"} if dry_run else None)

    def sent(self, lane: Lane = Lane.INTERACTIVE) -> list[str]:
        return [inspection_id for inspection_id, _ in self.lanes[lane].sent]


def ended_as(database: Database, state: State) -> str:
    inspection_id = accepted(database)
    if state is State.PRECHECKED:
        assert WorkRecords(database).release(claimed_in(database, inspection_id, state))
    elif state is State.CANCELLED:
        Endings(database).cancel("client-a", inspection_id)
    elif state is State.PASSED:
        claim = claimed_in(database, inspection_id, State.INFERRED)
        WorkRecords(database).finish_with_result(claim, State.INFERRED, RESULT)
    elif state is State.ERROR:
        claim = claimed_in(database, inspection_id, State.PRECHECKED)
        WorkRecords(database).finish_with_failure(
            claim, State.PRECHECKED, state, code="endpoint_unavailable", detail="The endpoint is away."
        )
    return inspection_id


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (State.ACCEPTED, "The inspection is accepted and not final; attempts of its stage: 0."),
        (State.PRECHECKED, "The inspection is prechecked and not final; attempts of its stage: 1."),
        (State.ERROR, "endpoint_unavailable: The endpoint is away."),
        (State.CANCELLED, "cancelled: Its client cancelled it."),
        (State.PASSED, "The inspection has its verdict; nothing is left to do."),
    ],
)
def test_why_is_told_by_the_inspection(database: Database, state: State, why: str) -> None:
    inspection_id = ended_as(database, state)
    bench = Bench(database, inspection_id)
    (letter,) = bench.ask("GET", PATH).json["dead_letters"]
    assert letter == {
        "message_id": "m0",
        "stage": "invoke",
        "inspection_id": inspection_id,
        "client_id": "client-a",
        "state": state.value,
        "receives": 8,
        "first_sent_at": "2026-01-02T03:04:05Z",
        "why": why,
    }
    assert bench.dead.hidden == set(), "the next look finds it, too"


def test_what_is_not_ours_is_told_apart(database: Database) -> None:
    bench = Bench(database, None, new_identifier("insp"))
    poison, unknown = bench.ask("GET", PATH, query={"stage": "invoke"}).json["dead_letters"]
    assert (poison["inspection_id"], poison["state"], poison["why"][:26]) == (None, None, "The message is not one of ")
    assert (unknown["state"], unknown["why"]) == (None, "There is no inspection of this id.")


def test_a_look_at_one_stage_or_all_is_bounded(database: Database) -> None:
    bench = Bench(database, *(accepted(database) for _ in range(23)))
    everything = bench.ask("GET", PATH, query={"limit": "12"}).json
    assert len(everything["dead_letters"]) == 12
    assert everything["queues"] == [
        {"stage": "precheck", "waiting": 0},
        {"stage": "invoke", "waiting": 23},
        {"stage": "format", "waiting": 0},
    ]
    assert bench.ask("GET", PATH, query={"stage": "format"}).json == {
        "queues": [{"stage": "format", "waiting": 0}],
        "dead_letters": [],
    }


def test_all_of_a_stage_go_back_to_their_lanes(database: Database) -> None:
    one, other = accepted(database), accepted(database, client_id="client-b", lane=Lane.BULK)
    bench = Bench(database, one, None, other, new_identifier("insp"))
    answer = bench.redrive()
    assert (answer.status, answer.json) == (
        200,
        {"stage": "invoke", "inspection_ids": [one, other], "kept": 2, "more": False},
    )
    assert (bench.sent(), bench.sent(Lane.BULK)) == ([one], [other])
    assert bench.lanes[Lane.BULK].groups == ["client-b"]
    assert bench.dead.ids() == ["m1", "m3"], "what would only come back stays"
    assert bench.dead.hidden == set()
    (line,) = bench.admin.audit()
    assert (line["action"], line["target"], line["client_id"]) == ("dead-letters:redrive", "invoke", None)
    assert line["after_it"]["inspection_ids"] == [one, other]


def test_one_by_its_id_however_far_back(database: Database) -> None:
    ids = [accepted(database) for _ in range(34)]
    bench = Bench(database, *ids)
    answer = bench.redrive("m31")
    assert answer.json["inspection_ids"] == bench.sent() == [ids[31]]
    assert len(bench.dead.ids()) == 33
    assert "m31" not in bench.dead.ids()
    assert bench.dead.hidden == set()
    assert bench.admin.audit()[0]["target"] == "m31"


@pytest.mark.parametrize(("message_id", "status", "code"), [("m9", 404, "not_found"), ("m1", 409, "conflict")])
@pytest.mark.parametrize("dry_run", [False, True])
def test_one_that_is_not_there_or_would_come_back(
    database: Database, message_id: str, status: int, code: str, dry_run: bool
) -> None:
    bench = Bench(database, accepted(database), None)
    answer = bench.redrive(message_id, dry_run=dry_run)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert (bench.sent(), bench.dead.ids(), bench.dead.hidden, bench.admin.audit()) == ([], ["m0", "m1"], set(), [])


def test_a_dry_run_tells_and_leaves_all_as_it_is(database: Database) -> None:
    bench = Bench(database, accepted(database), None)
    assert bench.redrive(dry_run=True).json == {
        "dry_run": True,
        "before": {"stage": "invoke", "dead_letters": ["m0", "m1"]},
        "after": {"stage": "invoke", "dead_letters": ["m1"]},
    }
    assert (bench.sent(), bench.dead.ids(), bench.dead.hidden, bench.admin.audit()) == ([], ["m0", "m1"], set(), [])


def test_nothing_is_lost_where_it_is_cut_off_between_send_and_delete(database: Database) -> None:
    """The one that was sent and not deleted is there twice, and what went before is noted."""
    ids = [accepted(database) for _ in range(3)]
    bench = Bench(database, *ids)
    bench.dead.away_after = 1
    answer = bench.redrive()
    assert answer.json == {"stage": "invoke", "inspection_ids": ids[:1], "kept": 0, "more": True}
    assert bench.sent() == ids[:2]
    assert bench.dead.ids() == ["m1", "m2"]
    bench.dead.away_after = None
    assert bench.redrive().json["inspection_ids"] == ids[1:]
    assert set(bench.sent()) == set(ids)
    assert bench.dead.ids() == []
    assert len(bench.admin.audit()) == 2


def test_the_stages_queue_is_away(database: Database) -> None:
    bench = Bench(database, accepted(database))
    bench.lanes[Lane.INTERACTIVE].away = True
    answer = bench.redrive()
    assert (answer.status, answer.json["code"]) == (503, "unavailable")
    assert (bench.dead.ids(), bench.dead.hidden, bench.admin.audit()) == (["m0"], set(), [])


def test_more_than_one_call_holds(database: Database) -> None:
    inspection_id = accepted(database)
    bench = Bench(database, *[inspection_id] * (AT_ONCE + 5))
    first, second = bench.redrive().json, bench.redrive().json
    assert (len(first["inspection_ids"]), first["more"]) == (AT_ONCE, True)
    assert (len(second["inspection_ids"]), second["more"]) == (5, False)


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.CLIENT_ADMIN, Role.AUDITOR])
def test_only_an_admin_sends_again(database: Database, role: Role) -> None:
    bench = Bench(database, accepted(database))
    assert bench.ask("POST", REDRIVE, {"stage": "invoke"}, role=role).status == 403
    assert bench.ask("GET", PATH, role=role).status == (200 if role is Role.AUDITOR else 403)
    assert bench.dead.ids() == ["m0"]
