"""The same tables as a worker uses them: claim, do, step forward or finish, all fenced by the lease.

Every step is one conditional UPDATE: it names the state it starts from and the lease it holds. A worker whose lease
went to another finds no row to change and is told so (`LostLease`), so a late writer can't do harm.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.database import Database, DuplicateKey, Transaction
from core.endings import Endings, insert_failure
from core.lanes import Lane
from core.states import State, can_step
from core.step_events import note_step

MOMENT_COLUMN = {State.PRECHECKED: "prechecked_at", State.INFERRED: "inferred_at"}


class LostLease(Exception):
    """The inspection moved on, or another worker holds it: what this worker found must be dropped."""


@dataclass(frozen=True)
class Claimed:
    """A request that this worker may work on until its lease ends; `attempt` counts from 1.

    `left_s`: until the caller's deadline, negative after it, None where there is none. `waited_s`: since the stage
    before was done. `seen_before`: `index`, `inspection_id` and `photo` of each photo that the client handed in before.
    """

    inspection_id: str
    client_id: str
    lane: Lane
    owner: str
    attempt: int
    checklist: str
    checklist_version: int
    item: dict[str, Any]
    photos: list[dict[str, Any]]
    elapsed_ms: dict[str, float]
    left_s: float | None = None
    waited_s: float = 0.0
    seen_before: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class NotClaimed:
    """Why not: the state it is in (None: there is no such inspection), whether the next stage was told of it, and
    whether its time to live is over."""

    state: State | None
    queued: bool
    client_id: str = ""
    lane: Lane = Lane.INTERACTIVE
    expired: bool = False


class WorkRecords:
    """Steps over one `Database`. All raise Unavailable when it is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, inspection_id: str, state: State, owner: str, lease_s: int) -> Claimed | NotClaimed:
        """Take the lease if the inspection waits in `state`, its time to live is not over, it is not held until later
        and nobody has its lease."""

        def work(transaction: Transaction) -> Claimed | NotClaimed:
            won = transaction.execute(
                "UPDATE rvpxbverification_request_data SET lease_owner = %s, attempts = attempts + 1,"
                " lease_until = UTC_TIMESTAMP(6) + INTERVAL %s SECOND, claimed_at = UTC_TIMESTAMP(6),"
                " updated_at = UTC_TIMESTAMP(6) WHERE inspection_id = %s AND state = %s AND held_until IS NULL"
                " AND (lease_until IS NULL OR lease_until < UTC_TIMESTAMP(6))"
                " AND (expires_at IS NULL OR expires_at > UTC_TIMESTAMP(6))",
                (owner, lease_s, inspection_id, state.value),
            )
            row = transaction.one(
                "SELECT inspection_id, client_id, lane, state, queued_at, attempts, checklist, checklist_version, item,"
                " photos, seen_before, COALESCE(expires_at <= UTC_TIMESTAMP(6), 0) AS expired,"
                " TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), deadline_at) / 1000000 AS left_s,"
                " TIMESTAMPDIFF(MICROSECOND, COALESCE(inferred_at, prechecked_at, accepted_at), UTC_TIMESTAMP(6))"
                " / 1000000 AS waited_s,"
                " TIMESTAMPDIFF(MICROSECOND, accepted_at, prechecked_at) / 1000 AS prechecked_ms,"
                " TIMESTAMPDIFF(MICROSECOND, accepted_at, inferred_at) / 1000 AS inferred_ms"
                " FROM rvpxbverification_request_data WHERE inspection_id = %s",
                (inspection_id,),
            )
            if row is None:
                return NotClaimed(state=None, queued=False)
            if not won:
                return NotClaimed(
                    state=State(row["state"]),
                    queued=row["queued_at"] is not None,
                    client_id=row["client_id"],
                    lane=Lane(row["lane"]),
                    expired=bool(row["expired"]),
                )
            return Claimed(
                inspection_id=inspection_id,
                client_id=row["client_id"],
                lane=Lane(row["lane"]),
                owner=owner,
                attempt=row["attempts"],
                checklist=row["checklist"],
                checklist_version=row["checklist_version"],
                item=json.loads(row["item"]),
                photos=json.loads(row["photos"]),
                elapsed_ms={
                    name: float(row[f"{name}_ms"])
                    for name in ("prechecked", "inferred")
                    if row[f"{name}_ms"] is not None
                },
                left_s=None if row["left_s"] is None else float(row["left_s"]),
                waited_s=float(row["waited_s"]),
                seen_before=json.loads(row["seen_before"] or "[]"),
            )

        return self._database.transaction(work)

    def release(self, claimed: Claimed, *, counted: bool = True) -> bool:
        """Give the lease back before its time, so that another attempt may follow; False where it is already lost.

        Not `counted`: the work was not really attempted, so the attempt is taken back.
        """
        return bool(
            self._database.execute(
                "UPDATE rvpxbverification_request_data SET lease_owner = NULL, lease_until = NULL, queued_at = NULL,"
                " attempts = attempts - %s, updated_at = UTC_TIMESTAMP(6)"
                " WHERE inspection_id = %s AND lease_owner = %s",
                (0 if counted else 1, claimed.inspection_id, claimed.owner),
            )
        )

    def expire(self, inspection_id: str) -> bool:
        """End it as expired, if its time to live is over and it is not final."""
        return Endings(self._database).expire(inspection_id)

    def advance(
        self,
        claimed: Claimed,
        start: State,
        end: State,
        photos: Sequence[Mapping[str, Any]] | None = None,
        seen_before: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        """A step that is not the last one; `photos` and `seen_before`, where given, replace what is known. Raises
        LostLease."""
        self._database.transaction(
            lambda transaction: self._step(transaction, claimed, start, end, photos, None, seen_before)
        )

    def finish_with_result(self, claimed: Claimed, start: State, result: Mapping[str, Any]) -> None:
        """The verdict and the final state in one transaction. `result` has the columns of the results table.

        Raises LostLease.
        """
        end = State(result["outcome"])

        def work(transaction: Transaction) -> None:
            self._step(transaction, claimed, start, end, None)
            transaction.execute(
                "INSERT INTO rvpxbverification (inspection_id, client_id, outcome, answers, reasons, model, served_by,"
                " usage_counts, timings_ms, created_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, UTC_TIMESTAMP(6))",
                (
                    claimed.inspection_id,
                    claimed.client_id,
                    end.value,
                    *(json.dumps(result[name]) for name in ("answers", "reasons", "model")),
                    result["served_by"],
                    *(json.dumps(result[name]) for name in ("usage_counts", "timings_ms")),
                ),
            )

        self._once(work)

    def finish_with_failure(
        self,
        claimed: Claimed,
        start: State,
        end: State,
        *,
        code: str,
        detail: str,
        photos: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        """An end without a verdict, in one transaction. Raises LostLease."""

        def work(transaction: Transaction) -> None:
            self._step(transaction, claimed, start, end, photos, code)
            insert_failure(transaction, claimed.inspection_id, claimed.client_id, end, code, detail)

        self._once(work)

    def _once(self, work: Callable[[Transaction], None]) -> None:
        try:
            self._database.transaction(work)
        except DuplicateKey as error:
            raise LostLease("there is a result already") from error

    def _step(
        self,
        transaction: Transaction,
        claimed: Claimed,
        start: State,
        end: State,
        photos: Sequence[Mapping[str, Any]] | None,
        code: str | None = None,
        seen_before: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        if not can_step(start, end):
            raise ValueError(f"{start} does not lead to {end}")
        changes = [
            "state = %s",
            "attempts = 0",
            "lease_owner = NULL",
            "lease_until = NULL",
            "queued_at = NULL",
            "updated_at = UTC_TIMESTAMP(6)",
            f"{MOMENT_COLUMN.get(end, 'finished_at')} = UTC_TIMESTAMP(6)",
        ]
        if end is State.INFERRED:
            changes.append("service_ms = TIMESTAMPDIFF(MICROSECOND, claimed_at, UTC_TIMESTAMP(6)) / 1000")
        values: list[Any] = [end.value]
        if photos is not None:
            changes.append("photos = %s")
            values.append(json.dumps(photos))
        if seen_before is not None:
            changes.append("seen_before = %s")
            values.append(json.dumps(seen_before))
        changed = transaction.execute(
            f"UPDATE rvpxbverification_request_data SET {', '.join(changes)}"
            " WHERE inspection_id = %s AND state = %s AND lease_owner = %s",
            (*values, claimed.inspection_id, start.value, claimed.owner),
        )
        if not changed:
            raise LostLease(f"{claimed.inspection_id} is no longer this worker's")
        note_step(transaction, claimed.inspection_id, claimed.client_id, end, code)
