"""Bugs that the checker must find. A checker that can't fail is worth nothing."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from core.database import Database, Row, Transaction, Values
from core.errors import Unavailable
from core.inspection_records import InspectionRecords, NewRequest
from core.states import State
from core.step_events import note_step
from core.storage import prepared_key
from core.usage import INSPECT, take
from core.work_records import Claimed, NotClaimed, WorkRecords
from core.worker import Outcome
from invoke.invoke import Invoke
from sweeper.sweep import Swept

T = TypeVar("T")
_REQUEST = "UPDATE rvpxbverification_request_data SET"


class NoLease(WorkRecords):
    """Whoever has the message works on it, and steps on if the state is still the same."""

    def claim(self, inspection_id: str, state: State, owner: str, lease_s: int) -> Claimed | NotClaimed:
        self._database.execute(f"{_REQUEST} lease_until = NULL WHERE inspection_id = %s", (inspection_id,))
        return super().claim(inspection_id, state, owner, lease_s)

    def _step(self, transaction: Transaction, claimed: Claimed, *rest: Any) -> None:
        transaction.execute(
            f"{_REQUEST} lease_owner = %s WHERE inspection_id = %s", (claimed.owner, claimed.inspection_id)
        )
        super()._step(transaction, claimed, *rest)


class NoFence(WorkRecords):
    """A step asks neither for the state it starts from nor for the lease."""

    def _step(self, transaction: Transaction, claimed: Claimed, start: State, *rest: Any) -> None:
        transaction.execute(
            f"{_REQUEST} lease_owner = %s, state = %s WHERE inspection_id = %s",
            (claimed.owner, start.value, claimed.inspection_id),
        )
        super()._step(transaction, claimed, start, *rest)


class NeitherLeaseNorFence(NoFence, NoLease):
    """Both: only the unique keys are left."""


class LeasesByOwnClock(WorkRecords):
    """The end of a lease is told by the worker's clock."""

    def claim(self, inspection_id: str, state: State, owner: str, lease_s: int) -> Claimed | NotClaimed:
        claimed = super().claim(inspection_id, state, owner, lease_s)
        if isinstance(claimed, Claimed):
            self._database.execute(
                f"{_REQUEST} lease_until = FROM_UNIXTIME(%s) WHERE inspection_id = %s",
                (time.time() + lease_s, inspection_id),
            )
        return claimed


class ToldBeforeCommit(InspectionRecords):
    """The client hears of the inspection first; its row follows when the front has time for it."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._late: list[NewRequest] = []

    def add(self, request: NewRequest) -> str | None:
        while self._late:
            super().add(self._late.pop())
        self._late.append(request)
        return None


class CountedApart(InspectionRecords):
    """The row and its count are two transactions."""

    def add(self, request: NewRequest) -> str | None:
        def store(transaction: Transaction) -> None:
            self._insert(transaction, request)
            note_step(transaction, request.inspection_id, request.client_id, State.ACCEPTED)

        self._database.transaction(store)
        self._database.transaction(lambda transaction: take(transaction, request.client_id, INSPECT))
        return None


class Forgetful(Database):
    """Steps are taken and not noted."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def transaction(self, work: Callable[[Transaction], T]) -> T:
        return self._database.transaction(lambda transaction: work(_Forgetting(transaction)))

    def execute(self, statement: str, values: Values = None) -> int:
        return self._database.execute(statement, values)


class _Forgetting:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self.one, self.all = transaction.one, transaction.all

    one: Callable[..., Row | None]
    all: Callable[..., list[Row]]

    def execute(self, statement: str, values: Values = None) -> int:
        return 0 if "inspection_events" in statement else self._transaction.execute(statement, values)


def unnoted(database: Database) -> WorkRecords:
    return WorkRecords(Forgetful(database))


class PartOfThePhotos(Invoke):
    """What can't be read is left out."""

    def __call__(self, claimed: Claimed) -> Outcome:
        return super().__call__(
            replace(claimed, photos=[each for each in claimed.photos if self._there(claimed, each)])
        )

    def _there(self, claimed: Claimed, photo: dict[str, Any]) -> bool:
        try:
            self._store.get(prepared_key(claimed.inspection_id, photo["index"]))
        except Unavailable:
            return False
        return True


class AsksAgain(Invoke):
    """An answer that is in the bucket is not looked for."""

    def _earlier(self, claimed: Claimed) -> bytes | None:
        return None


def nobody_sweeps(*_: Any, **__: Any) -> Swept:
    return Swept(0, 0)
