"""A change and its line in the audit log: both or neither, one change at a time.

Administration is rare, so changes wait for each other on one row: the first line of the audit log, which nothing can
change or remove. Whoever has it sees all that others changed before, so what a change checks (is there another admin,
is a client on the plan) still holds when it commits. On an empty log two changes may both pass and then block each
other at their lines; the database undoes one of them, and `Database.transaction` runs it again.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from admin.contract import DryRun
from core.database import Database, Transaction
from core.principal import Principal

T = TypeVar("T")


class Deed(StrEnum):
    """What the audit log calls a change."""

    CREATE_CLIENT = "clients:create"
    UPDATE_CLIENT = "clients:update"
    ERASE_PHOTOS = "clients:erase"
    CREATE_KEY = "keys:create"
    UPDATE_KEY = "keys:update"
    REVOKE_KEY = "keys:revoke"
    ROTATE_KEY = "keys:rotate"
    CREATE_MEMBER = "members:create"
    UPDATE_MEMBER = "members:update"
    DELETE_MEMBER = "members:delete"
    CREATE_PLAN = "plans:create"
    REPLACE_PLAN = "plans:replace"
    DELETE_PLAN = "plans:delete"
    MEND_GATEWAY = "gateway:mend"
    REDRIVE = "dead-letters:redrive"


@dataclass(frozen=True)
class Caller:
    """Who asks for a change, from where, and whether it is to be made at all."""

    principal: Principal
    source_ip: str
    request_id: str
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
            transaction.one("SELECT sequence FROM audit_log ORDER BY sequence LIMIT 1 FOR UPDATE")
            made[:] = [work(transaction)]
            _note(transaction, caller, made[0])
            if caller.dry_run:
                raise _RollBack

        try:
            self._database.transaction(transaction)
        except _RollBack:
            return DryRun(before=_shown(made[0].before), after=_shown(made[0].after))
        return made[0].answer


def _note(transaction: Transaction, caller: Caller, change: Change[Any]) -> None:
    transaction.execute(
        "INSERT INTO audit_log (at, actor, actor_role, client_id, action, target, before_it, after_it, source_ip,"
        " request_id) VALUES (UTC_TIMESTAMP(6), %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            caller.principal.actor,
            caller.principal.role.value,
            change.client_id,
            change.deed.value,
            change.target,
            _json(change.before),
            _json(change.after),
            caller.source_ip,
            caller.request_id,
        ),
    )


def _shown(model: BaseModel | None) -> dict[str, Any] | None:
    shown: Mapping[str, Any] | None = model.model_dump(mode="json") if model is not None else None
    return dict(shown) if shown is not None else None


def _json(model: BaseModel | None) -> str | None:
    return None if model is None else json.dumps(_shown(model))
