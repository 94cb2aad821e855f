"""Clients: made, changed, disabled, their photos erased. None is ever deleted: the audit log and results name them."""

from datetime import UTC, datetime

from admin.changes import Caller, Change, Changes
from admin.contract import Client, ClientChange, ClientPage, DryRun, NewClient
from admin.permissions import check_admin_remains, check_reaches, no_such_client
from admin.rows import page, shown
from core.audit import Deed
from core.database import Database, Transaction
from core.errors import InvalidRequest
from core.identifiers import new_identifier
from core.principal import Principal
from core.roles import ACROSS_CLIENTS

COLUMNS = (
    "client_id, name, plan, disabled_at, retention_days, reuse_window_s, photo_match_window_s, erase_before,"
    " created_at, updated_at"
)


class Clients:
    """Raises NotFound for a client that the principal does not reach, Unavailable when the database is away."""

    def __init__(self, database: Database, changes: Changes) -> None:
        self._database = database
        self._changes = changes

    def page(self, principal: Principal, *, after: str | None, limit: int) -> ClientPage:
        """By id. Whose role ends with their client sees that one."""
        own = None if principal.role in ACROSS_CLIENTS else principal.client_id
        rows = self._database.all(
            f"SELECT {COLUMNS} FROM clients WHERE (%(after)s IS NULL OR client_id > %(after)s)"
            f" AND (%(own)s IS NULL OR client_id = %(own)s) ORDER BY client_id LIMIT {int(limit) + 1}",
            {"after": after, "own": own},
        )
        found, cursor = page(rows, limit, "client_id")
        return ClientPage(clients=[shown(Client, row) for row in found], next_cursor=cursor)

    def get(self, principal: Principal, client_id: str) -> Client:
        check_reaches(principal, client_id)
        return _found(self._database, client_id)

    def create(self, caller: Caller, new: NewClient) -> Client | DryRun:
        """With its row of usage; the key for API Gateway's counting is made after the commit."""

        def work(transaction: Transaction) -> Change[Client]:
            _check_plan(transaction, new.plan)
            client_id = new_identifier("client")
            transaction.execute(
                "INSERT INTO clients (client_id, name, plan, retention_days, reuse_window_s, photo_match_window_s,"
                " created_at, updated_at) VALUES (%s, %s, %s, %s, %s, %s, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))",
                (
                    client_id,
                    new.name,
                    new.plan,
                    new.retention_days,
                    new.reuse_window_s,
                    new.photo_match_window_s,
                ),
            )
            transaction.execute(
                "INSERT INTO client_usage (client_id, day, month)"
                " VALUES (%s, UTC_DATE(), UTC_DATE() - INTERVAL (DAYOFMONTH(UTC_DATE()) - 1) DAY)",
                (client_id,),
            )
            client = _found(transaction, client_id)
            return Change(Deed.CREATE_CLIENT, client_id, client_id, None, client, client)

        return self._changes.make(caller, work)

    def update(self, caller: Caller, client_id: str, change: ClientChange) -> Client | DryRun:
        """Raises Conflict where a disabled client would take the last admin with it."""
        check_reaches(caller.principal, client_id)

        def work(transaction: Transaction) -> Change[Client]:
            before = _found(transaction, client_id)
            fields = change.model_fields_set
            if "plan" in fields:
                _check_plan(transaction, change.plan)
            disabled_at = before.disabled_at
            if "disabled" in fields:
                disabled_at = (before.disabled_at or _now(transaction)) if change.disabled else None
            transaction.execute(
                "UPDATE clients SET name = %s, plan = %s, disabled_at = %s, retention_days = %s,"
                " reuse_window_s = %s, photo_match_window_s = %s, updated_at = UTC_TIMESTAMP(6) WHERE client_id = %s",
                (
                    change.name if "name" in fields else before.name,
                    change.plan if "plan" in fields else before.plan,
                    disabled_at.replace(tzinfo=None) if disabled_at else None,
                    change.retention_days if "retention_days" in fields else before.retention_days,
                    change.reuse_window_s if "reuse_window_s" in fields else before.reuse_window_s,
                    change.photo_match_window_s if "photo_match_window_s" in fields else before.photo_match_window_s,
                    client_id,
                ),
            )
            if disabled_at and not before.disabled_at:
                check_admin_remains(transaction)
            after = _found(transaction, client_id)
            return Change(Deed.UPDATE_CLIENT, client_id, client_id, before, after, after)

        return self._changes.make(caller, work)

    def erase_photos(self, caller: Caller, client_id: str) -> Client | DryRun:
        """Marks all photos accepted until now; a scheduled function deletes them."""
        check_reaches(caller.principal, client_id)

        def work(transaction: Transaction) -> Change[Client]:
            before = _found(transaction, client_id)
            transaction.execute(
                "UPDATE clients SET erase_before = UTC_TIMESTAMP(6), updated_at = UTC_TIMESTAMP(6)"
                " WHERE client_id = %s",
                (client_id,),
            )
            after = _found(transaction, client_id)
            return Change(Deed.ERASE_PHOTOS, client_id, client_id, before, after, after)

        return self._changes.make(caller, work)


def check_exists(transaction: Transaction | Database, principal: Principal, client_id: str) -> None:
    """Before anything is done to what belongs to a client. Raises NotFound."""
    check_reaches(principal, client_id)
    _found(transaction, client_id)


def _found(transaction: Transaction | Database, client_id: str) -> Client:
    row = transaction.one(f"SELECT {COLUMNS} FROM clients WHERE client_id = %s", (client_id,))
    # MySQL compares without regard to case, an identifier has one.
    if row is None or row["client_id"] != client_id:
        raise no_such_client()
    return shown(Client, row)


def _check_plan(transaction: Transaction, plan: str) -> None:
    if transaction.one("SELECT plan FROM plans WHERE plan = %s", (plan,)) is None:
        raise InvalidRequest("plan: There is no such usage plan.", field="plan")


def _now(transaction: Transaction) -> datetime:
    row = transaction.one("SELECT UTC_TIMESTAMP(6) AS now")
    assert row is not None
    now: datetime = row["now"].replace(tzinfo=UTC)
    return now
