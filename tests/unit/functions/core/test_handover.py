"""Send, then note: in this order, and never a note without a send."""

import pytest

from core.errors import Unavailable
from core.handover import Handover
from core.identifiers import new_identifier
from core.lanes import Lane
from core.states import State
from tests.fakes.database import FakeDatabase
from tests.fakes.queues import InMemoryQueue, both_lanes

ID = new_identifier("insp")


def test_sent_and_noted() -> None:
    queue, database = InMemoryQueue(), FakeDatabase()
    Handover(database, both_lanes({State.INFERRED: queue})).tell(
        ID, State.INFERRED, client_id="client-a", lane=Lane.INTERACTIVE, delay_s=5
    )
    assert queue.sent == [(ID, 5)]
    assert queue.groups == ["client-a"]
    ((statement, values),) = database.executed
    assert "SET queued_at" in statement
    assert values == (ID, "inferred")


def test_each_lane_has_its_queue() -> None:
    lanes = {lane: InMemoryQueue() for lane in Lane}
    handover = Handover(FakeDatabase(), {State.ACCEPTED: lanes})
    handover.tell(ID, State.ACCEPTED, client_id="client-a", lane=Lane.BULK)
    assert [len(lanes[lane].sent) for lane in (Lane.INTERACTIVE, Lane.BULK)] == [0, 1]


def test_unsent_is_not_noted() -> None:
    database = FakeDatabase()
    with pytest.raises(Unavailable):
        Handover(database, both_lanes({State.INFERRED: InMemoryQueue(away=True)})).tell(
            ID, State.INFERRED, client_id="client-a", lane=Lane.INTERACTIVE
        )
    assert database.executed == []


def test_knows_which_stages_it_leads_to() -> None:
    handover = Handover(FakeDatabase(), both_lanes({State.INFERRED: InMemoryQueue()}))
    assert handover.leads_on(State.INFERRED)
    assert not handover.leads_on(State.ACCEPTED)
