"""Dead letters: what each stage gave up, why, and back to its queue with it.

A message that is sent again is deleted only after that, so nothing is lost if this is cut off in between: the message
is then there twice, and the second one finds nothing to do. What would only come back is not sent again.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from admin.changes import Caller, Change, Changes
from admin.contract import DryRun
from admin.dead_letter_contract import DeadLetter, DeadLetters, QueueDepth, Redrive, Redriven, StageName
from admin.dead_letter_queue import DeadLetterQueue, Letter
from core.audit import Deed
from core.database import Database, Row
from core.errors import Conflict, NotFound, Unavailable
from core.lanes import Lane
from core.observability import logger
from core.queues import Queue
from core.states import VERDICTS, State

HIDDEN_S = 60  # longer than a function runs, so that it meets none twice
LOOK_S = 12  # the function has 29
AT_ONCE = 200

Rows = Mapping[str, Row]


@dataclass(frozen=True)
class StageQueues:
    """What a stage takes its messages from, by lane, and where those end that it gave up."""

    lanes: Mapping[Lane, Queue]
    dead: DeadLetterQueue


class DeadLetterOffice:
    """Over the stages' queues, by the rows of one `Database`. Raises Unavailable when one of them is away."""

    def __init__(
        self,
        database: Database,
        changes: Changes,
        stages: Mapping[StageName, StageQueues],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._changes = changes
        self._stages = stages
        self._clock = clock

    def page(self, stage: StageName | None, limit: int) -> DeadLetters:
        """At most `limit` of each stage: SQS has neither order nor pages. All are free again when this returns."""
        depths, letters = [], []
        for name in self._stages if stage is None else [stage]:
            dead = self._stages[name].dead
            found, _ = self._received(dead, limit)
            dead.release([letter.receipt for letter in found])
            depths.append(QueueDepth(stage=name, waiting=max(dead.waiting(), len(found))))
            letters += [(name, letter) for letter in found]
        rows = self._rows([letter for _, letter in letters])
        return DeadLetters(queues=depths, dead_letters=[_shown(name, letter, rows) for name, letter in letters])

    def redrive(self, caller: Caller, wanted: Redrive) -> Redriven | DryRun:
        """The one that is wanted, or of all as many as fit into one call; then a line in the audit log.

        Raises NotFound, and Conflict for one that would only come back.
        """
        queues = self._stages[wanted.stage]
        left, more = self._received(queues.dead, AT_ONCE, wanted.message_id)
        try:
            chosen = [letter for letter in left if wanted.message_id in (None, letter.message_id)]
            rows = self._rows(chosen)
            known = [letter for letter in chosen if letter.inspection_id in rows]
            if wanted.message_id is not None:
                _check_one(chosen, known)
            if caller.dry_run:
                return _tried(wanted, chosen, known)
            sent: list[str] = []
            try:
                for letter in known:
                    row = rows[letter.inspection_id or ""]
                    queues.lanes[Lane(row["lane"])].send(row["inspection_id"], group=row["client_id"])
                    queues.dead.delete(letter.receipt)
                    left.remove(letter)
                    sent.append(row["inspection_id"])
            except Unavailable:
                if not sent:
                    raise
                more = True
        finally:
            queues.dead.release([letter.receipt for letter in left])
        logger.info("dead letters were sent again", stage=wanted.stage.value, sent=len(sent))
        done = Redriven(stage=wanted.stage, inspection_ids=sent, kept=len(chosen) - len(known), more=more)
        target = wanted.message_id or wanted.stage.value
        return self._changes.make(caller, lambda _: Change(Deed.REDRIVE, target, None, None, done, done))

    def _received(self, dead: DeadLetterQueue, most: int, wanted_id: str | None = None) -> tuple[list[Letter], bool]:
        """Hidden from others until they are released: `most` of them, or all up to the one that is wanted; and whether
        there may be more of what is wanted.
        """
        end = self._clock() + LOOK_S
        found: list[Letter] = []
        try:
            while self._clock() < end and (wanted_id is not None or len(found) < most):
                batch = dead.receive(most - len(found) if wanted_id is None else most, HIDDEN_S)
                found += batch
                if not batch or any(letter.message_id == wanted_id for letter in batch):
                    return found, False
        except BaseException:
            dead.release([letter.receipt for letter in found])
            raise
        return found, True

    def _rows(self, letters: Sequence[Letter]) -> Rows:
        ids = sorted({letter.inspection_id for letter in letters if letter.inspection_id is not None})
        if not ids:
            return {}
        rows = self._database.all(
            "SELECT q.inspection_id, q.client_id, q.lane, q.state, q.attempts, f.code, f.detail"
            " FROM rvpxbverification_request_data q"
            " LEFT JOIN rvpxbverification_fail f ON f.inspection_id = q.inspection_id"
            f" WHERE q.inspection_id IN ({', '.join(['%s'] * len(ids))})",
            ids,
        )
        return {row["inspection_id"]: row for row in rows}


def _check_one(chosen: Sequence[Letter], known: Sequence[Letter]) -> None:
    if not chosen:
        raise NotFound("There is no such dead letter, or somebody else is looking at it.")
    if not known:
        raise Conflict("It names no inspection that there is: sent again, it would only come back.")


def _tried(wanted: Redrive, chosen: Sequence[Letter], known: Sequence[Letter]) -> DryRun:
    stay = [letter.message_id for letter in chosen if letter not in known]
    return DryRun(
        before={"stage": wanted.stage.value, "dead_letters": [letter.message_id for letter in chosen]},
        after={"stage": wanted.stage.value, "dead_letters": stay},
    )


def _shown(stage: StageName, letter: Letter, rows: Rows) -> DeadLetter:
    row = rows.get(letter.inspection_id or "")
    return DeadLetter(
        message_id=letter.message_id,
        stage=stage,
        inspection_id=letter.inspection_id,
        client_id=row["client_id"] if row else None,
        state=State(row["state"]) if row else None,
        receives=letter.receives,
        first_sent_at=letter.sent_at,
        why=_why(letter, row),
    )


def _why(letter: Letter, row: Row | None) -> str:
    """By the inspection as it stands now: SQS does not keep why a receive failed."""
    if letter.inspection_id is None:
        return "The message is not one of ours: its body names no inspection."
    if row is None:
        return "There is no inspection of this id."
    if row["code"] is not None:
        return f"{row['code']}: {row['detail']}"
    if State(row["state"]) in VERDICTS:
        return "The inspection has its verdict; nothing is left to do."
    return f"The inspection is {row['state']} and not final; attempts of its stage: {row['attempts']}."
