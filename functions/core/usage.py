"""Hard limits: what a client has used, in the same transaction as the work that uses it.

API Gateway's throttle and quota are best effort, so what must not be exceeded is one conditional UPDATE here: of any
number of requests at remaining 1, one finds its condition true. Days and months are UTC's, by the database's clock.
"""

import json
from dataclasses import dataclass

from core.database import Database, Row, Transaction
from core.errors import Forbidden, NotOnPlan, QuotaExceeded, ScrutineerError, TooManyRunning
from core.states import State

INSPECT = "inspect"
COME_BACK_S = 2  # an inspection takes seconds, so a place is free soon
# A rejected photo is taken again, and neither our own failure nor our being late is the client's doing.
REFUNDED = frozenset({State.REJECTED, State.ERROR, State.EXPIRED})


@dataclass(frozen=True)
class Limit:
    """One hard limit: `window_s` None where it is not over time."""

    name: str
    most: int
    used: int
    window_s: int | None
    resets_in_s: int | None

    @property
    def left(self) -> int:
        return max(0, self.most - self.used)


@dataclass(frozen=True)
class Allowance:
    """A client's plan and what is left of it at this moment."""

    plan: str
    tasks: frozenset[str]
    max_photos: int
    default_wait_s: int
    max_wait_s: int
    rate_per_s: int
    burst: int
    limits: tuple[Limit, ...]

    def check(self, task: str, *, units: int = 1, places: int = 1) -> None:
        """Refuse early what `take` would refuse; cheap, and not the last word. Raises NotOnPlan and the 429s."""
        if task not in self.tasks:
            raise NotOnPlan(f"The plan {self.plan} does not include {task}.")
        for limit in self.limits:
            if limit.left < (places if limit.window_s is None else units):
                raise _exceeded(limit, units)


class UsageRecords:
    """Queries over one `Database`. All raise Unavailable when it is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def allowance(self, client_id: str) -> Allowance:
        """Raises Forbidden for a client that is disabled or unknown."""
        row = self._database.one(_ALLOWANCE, (client_id,))
        if row is None:
            raise Forbidden("The client is disabled.")
        return _allowance(row)

    def charge(self, client_id: str, task: str, units: int) -> None:
        """Count units of work that is done at once and has no row of its own.

        It takes none of the places: a worker that dies could never give one back. Raises QuotaExceeded, NotOnPlan,
        Forbidden.
        """
        self._database.transaction(lambda transaction: take(transaction, client_id, task, units=units, places=0))

    def refund(self, client_id: str, task: str, units: int) -> None:
        """Give back what `charge` counted today: the failure was ours."""
        self._database.transaction(
            lambda transaction: _give_back(transaction, client_id, task, "UTC_DATE()", units=units, places=0)
        )


def take(transaction: Transaction, client_id: str, task: str, *, units: int = 1, places: int = 1) -> None:
    """Count units of a quota and places at once, or raise what stands against it and change nothing.

    Last in its transaction: the client's row is locked from here to the commit. Raises QuotaExceeded,
    TooManyRunning, NotOnPlan, Forbidden.
    """
    asked = {"client_id": client_id, "task": task, "units": units, "places": places}
    if not transaction.execute(_TAKE, asked):
        # A client is made with its row of usage; one that was put in by hand gets it here.
        transaction.execute(_FIRST_USE, (client_id,))
        if not transaction.execute(_TAKE, asked):
            raise _refusal(transaction, client_id, task, units, places)
    transaction.execute(
        "INSERT INTO client_usage_days (client_id, day, task, accepted) VALUES (%s, UTC_DATE(), %s, %s)"
        " ON DUPLICATE KEY UPDATE accepted = accepted + %s",
        (client_id, task, units, units),
    )


def settle_inspection(transaction: Transaction, inspection_id: str, client_id: str, end: State) -> None:
    """An inspection came to its end: its place is free, and its unit back where the end is REFUNDED, or where it was
    cancelled before the model was asked: no invoke worker had begun with it. One that was held has no place to give.
    """
    row = transaction.one(
        "SELECT DATE(accepted_at) AS day, held_until,"
        " inferred_at IS NULL AND (prechecked_at IS NULL OR attempts = 0) AS before_the_model"
        " FROM rvpxbverification_request_data WHERE inspection_id = %s",
        (inspection_id,),
    )
    assert row is not None
    day = f"DATE('{row['day']:%Y-%m-%d}')"
    refunded = end in REFUNDED or (end is State.CANCELLED and row["before_the_model"])
    places = 1 if row["held_until"] is None else 0
    _give_back(transaction, client_id, INSPECT, day, units=1 if refunded else 0, places=places)


def give_place(transaction: Transaction, client_id: str) -> None:
    """An inspection is put back until later, and others of its client may run meanwhile."""
    transaction.execute(
        "UPDATE client_usage SET running = running - 1 WHERE client_id = %s AND running >= 1", (client_id,)
    )


def take_place(transaction: Transaction, client_id: str) -> bool:
    """A place for an inspection that was counted when it was accepted; False where the plan has none left."""
    return bool(transaction.execute(_TAKE_PLACE, (client_id,)))


def _give_back(transaction: Transaction, client_id: str, task: str, day: str, *, units: int, places: int) -> None:
    """`day` is SQL for the day on which it was taken: what has been counted anew since is not touched."""
    month = _first_of_month(day)
    changed = transaction.execute(
        "UPDATE client_usage SET running = running - %(places)s"
        f", day_count = IF(day = {day}, day_count - LEAST(day_count, %(units)s), day_count)"
        f", month_count = IF(month = {month}, month_count - LEAST(month_count, %(units)s), month_count)"
        " WHERE client_id = %(client_id)s AND running >= %(places)s",
        {"client_id": client_id, "units": units, "places": places},
    )
    if changed and units:
        transaction.execute(
            "UPDATE client_usage_days SET refunded = refunded + %(units)s WHERE client_id = %(client_id)s"
            f" AND day = {day} AND task = %(task)s AND refunded + %(units)s <= accepted",
            {"client_id": client_id, "task": task, "units": units},
        )


def _refusal(transaction: Transaction, client_id: str, task: str, units: int, places: int) -> ScrutineerError:
    row = transaction.one(_ALLOWANCE, (client_id,))
    if row is None:
        return Forbidden("The client is disabled.")
    try:
        _allowance(row).check(task, units=units, places=places)
    except ScrutineerError as error:
        return error
    # Between the two statements somebody gave a place back.
    return TooManyRunning("The plan's limits were reached a moment ago.", retry_after_s=COME_BACK_S)


def _exceeded(limit: Limit, units: int) -> ScrutineerError:
    if limit.window_s is None:
        detail = f"{limit.used} of {limit.most} inspections are under way."
        return TooManyRunning(detail, retry_after_s=COME_BACK_S)
    detail = f"Of this {limit.name}'s {limit.most}, {limit.left} are left; {units} more are asked for."
    return QuotaExceeded(detail, retry_after_s=limit.resets_in_s)


def _allowance(row: Row) -> Allowance:
    limits = []
    for name, window_s in (("day", 86_400), ("month", 30 * 86_400)):
        if row[f"quota_{name}"] is not None:
            limits.append(Limit(name, row[f"quota_{name}"], row[f"{name}_used"], window_s, row[f"{name}_resets_in_s"]))
    if row["concurrent"] is not None:
        limits.append(Limit("running", row["concurrent"], row["running"], None, None))
    return Allowance(
        plan=row["plan"],
        tasks=frozenset(json.loads(row["tasks"])),
        max_photos=row["max_photos"],
        default_wait_s=row["default_wait_s"],
        max_wait_s=row["max_wait_s"],
        rate_per_s=row["rate_per_s"],
        burst=row["burst"],
        limits=tuple(limits),
    )


def _first_of_month(day: str) -> str:
    return f"({day} - INTERVAL (DAYOFMONTH({day}) - 1) DAY)"


_THIS_MONTH = _first_of_month("UTC_DATE()")
_DAY_USED = "IF(client_usage.day = UTC_DATE(), client_usage.day_count, 0)"
_MONTH_USED = f"IF(client_usage.month = {_THIS_MONTH}, client_usage.month_count, 0)"

# MySQL assigns from left to right, so the counts are made before the dates that they are judged by.
_TAKE = (
    f"UPDATE client_usage SET day_count = {_DAY_USED} + %(units)s, month_count = {_MONTH_USED} + %(units)s,"
    f" running = running + %(places)s, day = UTC_DATE(), month = {_THIS_MONTH}"
    " WHERE client_id = %(client_id)s AND EXISTS ("
    " SELECT 1 FROM clients c JOIN plans p ON p.plan = c.plan"
    " WHERE c.client_id = client_usage.client_id AND c.disabled_at IS NULL"
    " AND JSON_CONTAINS(p.tasks, JSON_QUOTE(%(task)s))"
    f" AND (p.quota_day IS NULL OR {_DAY_USED} + %(units)s <= p.quota_day)"
    f" AND (p.quota_month IS NULL OR {_MONTH_USED} + %(units)s <= p.quota_month)"
    " AND (p.concurrent IS NULL OR %(places)s = 0 OR client_usage.running < p.concurrent))"
)
_TAKE_PLACE = (
    "UPDATE client_usage SET running = running + 1 WHERE client_id = %s AND NOT EXISTS ("
    " SELECT 1 FROM clients c JOIN plans p ON p.plan = c.plan"
    " WHERE c.client_id = client_usage.client_id AND p.concurrent <= client_usage.running)"
)
_FIRST_USE = (
    "INSERT IGNORE INTO client_usage (client_id, day, month)"
    f" SELECT client_id, UTC_DATE(), {_THIS_MONTH} FROM clients WHERE client_id = %s"
)
_ALLOWANCE = (
    "SELECT p.plan, p.tasks, p.max_photos, p.default_wait_s, p.max_wait_s, p.rate_per_s, p.burst, p.quota_day,"
    f" p.quota_month, p.concurrent, COALESCE({_DAY_USED}, 0) AS day_used, COALESCE({_MONTH_USED}, 0) AS month_used,"
    " COALESCE(client_usage.running, 0) AS running,"
    " TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), UTC_DATE() + INTERVAL 1 DAY) AS day_resets_in_s,"
    f" TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), {_THIS_MONTH} + INTERVAL 1 MONTH) AS month_resets_in_s"
    " FROM clients c JOIN plans p ON p.plan = c.plan LEFT JOIN client_usage ON client_usage.client_id = c.client_id"
    " WHERE c.client_id = %s AND c.disabled_at IS NULL"
)
