"""Usage plans: what a client may use, and how much."""

import json

from admin.changes import Caller, Change, Changes
from admin.contract import DryRun, Plan, PlanInput, PlanList
from admin.rows import shown
from core.audit import Deed
from core.database import Database, Row, Transaction
from core.errors import Conflict, NotFound

COLUMNS = (
    "plan, rate_per_s, burst, quota_day, quota_month, concurrent, tasks, max_photos, default_wait_s, max_wait_s,"
    " created_at, updated_at"
)
LIMITS = tuple(PlanInput.model_fields)


class Plans:
    """Raises NotFound for an unknown plan, Unavailable when the database is away."""

    def __init__(self, database: Database, changes: Changes) -> None:
        self._database = database
        self._changes = changes

    def all(self) -> PlanList:
        rows = self._database.all(f"SELECT {COLUMNS} FROM plans ORDER BY plan")
        return PlanList(plans=[_plan(row) for row in rows])

    def get(self, plan: str) -> Plan:
        found = _find(self._database, plan)
        if found is None:
            raise _no_such_plan()
        return found

    def put(self, caller: Caller, plan: str, limits: PlanInput) -> Plan | DryRun:
        """The plan as it is from now on, for its clients too."""

        def work(transaction: Transaction) -> Change[Plan]:
            before = _find(transaction, plan)
            values = {**limits.model_dump(), "tasks": json.dumps(limits.tasks), "plan": plan}
            if before is None:
                transaction.execute(
                    f"INSERT INTO plans (plan, {', '.join(LIMITS)}, created_at, updated_at) VALUES"
                    f" (%(plan)s, {', '.join(f'%({name})s' for name in LIMITS)}, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))",
                    values,
                )
            else:
                transaction.execute(
                    f"UPDATE plans SET {', '.join(f'{name} = %({name})s' for name in LIMITS)},"
                    " updated_at = UTC_TIMESTAMP(6) WHERE plan = %(plan)s",
                    values,
                )
            after = _find(transaction, plan)
            assert after is not None
            deed = Deed.REPLACE_PLAN if before else Deed.CREATE_PLAN
            return Change(deed, plan, None, before, after, after)

        return self._changes.make(caller, work)

    def delete(self, caller: Caller, plan: str) -> DryRun | None:
        """Raises Conflict while a client is on it."""

        def work(transaction: Transaction) -> Change[None]:
            before = _find(transaction, plan)
            if before is None:
                raise _no_such_plan()
            if transaction.one("SELECT client_id FROM clients WHERE plan = %s LIMIT 1", (plan,)):
                raise Conflict("A client is on this plan.")
            transaction.execute("DELETE FROM plans WHERE plan = %s", (plan,))
            return Change(Deed.DELETE_PLAN, plan, None, before, None, None)

        return self._changes.make(caller, work)


def _find(transaction: Transaction | Database, plan: str) -> Plan | None:
    row = transaction.one(f"SELECT {COLUMNS} FROM plans WHERE plan = %s", (plan,))
    return _plan(row) if row is not None and row["plan"] == plan else None


def _plan(row: Row) -> Plan:
    return shown(Plan, row | {"tasks": json.loads(row["tasks"])})


def _no_such_plan() -> NotFound:
    return NotFound("There is no such usage plan.")
