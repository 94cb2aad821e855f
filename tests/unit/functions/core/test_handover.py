"""Send, then note: in this order, and never a note without a send."""

import pytest

from core.errors import Unavailable
from core.handover import Handover
from core.identifiers import new_identifier
from core.states import State
from tests.fakes.database import FakeDatabase
from tests.fakes.queues import InMemoryQueue

ID = new_identifier("insp")


def test_sent_and_noted() -> None:
    queue, database = InMemoryQueue(), FakeDatabase()
    Handover(database, {State.INFERRED: queue}).tell(ID, State.INFERRED, 5)
    assert queue.sent == [(ID, 5)]
    ((statement, values),) = database.executed
    assert "SET queued_at" in statement
    assert values == (ID, "inferred")


def test_unsent_is_not_noted() -> None:
    database = FakeDatabase()
    with pytest.raises(Unavailable):
        Handover(database, {State.INFERRED: InMemoryQueue(away=True)}).tell(ID, State.INFERRED)
    assert database.executed == []


def test_knows_which_stages_it_leads_to() -> None:
    handover = Handover(FakeDatabase(), {State.INFERRED: InMemoryQueue()})
    assert handover.leads_on(State.INFERRED)
    assert not handover.leads_on(State.ACCEPTED)
