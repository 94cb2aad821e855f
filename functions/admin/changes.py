"""A change and its line in the audit log: both or neither, one change at a time.

Administration is rare, so changes wait for each other on one row, the only one of `admin_lock`. Whoever has it sees
all that others changed before, so what a change checks (is there another admin, is a client on the plan) still holds
when it commits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

from admin.contract import DryRun
from core.audit import Actor, Deed, note_change, shown
from core.database import Database, Transaction

T = TypeVar("T")


@dataclass(frozen=True)
class Caller(Actor):
    """Who asks for a change, and whether it is to be made at all."""

    dry_run: bool


@dataclass(frozen=True)
class Change(Generic[T]):
    """What a change did. `answer` is for the caller alone and may hold a secret; before and after go to the log."""

    deed: Deed
    target: str
    client_id: str | None
    before: BaseModel | None
    after: BaseModel | None
    answer: T


class _RollBack(Exception):
    """Ends the transaction of a dry run."""


class Changes:
    """Makes changes over one `Database`. Raises Unavailable when it is away, and what the change itself raises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def make(self, caller: Caller, work: Callable[[Transaction], Change[T]]) -> T | DryRun:
        """The change's answer; for a dry run what would change, after everything was tried and undone."""
        made: list[Change[T]] = []

        def transaction(transaction: Transaction) -> None:
            transaction.one("SELECT only_row FROM admin_lock FOR UPDATE")
            made[:] = [work(transaction)]
            change = made[0]
            note_change(
                transaction,
                caller,
                change.deed,
                change.target,
                client_id=change.client_id,
                before=change.before,
                after=change.after,
            )
            if caller.dry_run:
                raise _RollBack

        try:
            self._database.transaction(transaction)
        except _RollBack:
            return DryRun(before=shown(made[0].before), after=shown(made[0].after))
        return made[0].answer
