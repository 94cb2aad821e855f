"""API keys: made, renamed, rotated with an overlap, revoked. The secret leaves here once and is stored as its hash."""

import base64
import hashlib
import json
import secrets
from datetime import UTC, datetime, timedelta

from admin.changes import Caller, Change, Changes
from admin.clients import check_exists
from admin.contract import DryRun, IssuedKey, Key, KeyChange, KeyPage, NewKey, RotatedKey, Rotation
from admin.permissions import (
    check_admin_remains,
    check_client_admin_remains,
    check_may_give,
    check_may_take,
)
from admin.rows import page, shown
from core.audit import Deed
from core.database import Database, Row, Transaction
from core.errors import Conflict, InvalidRequest, NotFound
from core.identifiers import new_identifier
from core.principal import Principal
from core.roles import MAY, Role

PREFIX = "scr_"  # lets secret scanners find a key that got into a repository or a log
HINT_CHARACTERS = 8
LONGEST_LIFE = timedelta(days=3650)
COLUMNS = (
    "key_id, client_id, name, hint, role, scopes, created_at, expires_at, revoked_at, last_used_at, replaces_key_id"
)


class Keys:
    """Raises NotFound for what the principal does not reach, Forbidden for what it may not give or take."""

    def __init__(self, database: Database, changes: Changes) -> None:
        self._database = database
        self._changes = changes

    def page(self, principal: Principal, client_id: str, *, after: str | None, limit: int) -> KeyPage:
        check_exists(self._database, principal, client_id)
        rows = self._database.all(
            f"SELECT {COLUMNS} FROM api_keys WHERE client_id = %(client_id)s"
            f" AND (%(after)s IS NULL OR key_id > %(after)s) ORDER BY key_id LIMIT {int(limit) + 1}",
            {"client_id": client_id, "after": after},
        )
        found, cursor = page(rows, limit, "key_id")
        return KeyPage(keys=[_key(row) for row in found], next_cursor=cursor)

    def create(self, caller: Caller, client_id: str, new: NewKey) -> IssuedKey | DryRun:
        def work(transaction: Transaction) -> Change[IssuedKey]:
            check_exists(transaction, caller.principal, client_id)
            if not set(new.scopes or ()) <= MAY[new.role]:
                raise InvalidRequest(f"scopes: Only what the role {new.role} may do.", field="scopes")
            check_may_give(caller.principal, new.role, new.scopes)
            _check_expiry(transaction, new.expires_at)
            issued = _insert(transaction, client_id, new, replaces=None)
            return Change(Deed.CREATE_KEY, issued.key_id, client_id, None, _without_secret(issued), issued)

        return self._changes.make(caller, work)

    def update(self, caller: Caller, client_id: str, key_id: str, change: KeyChange) -> Key | DryRun:
        """Raises Conflict where the last admin would be left with a key that ends."""

        def work(transaction: Transaction) -> Change[Key]:
            before = _found(transaction, caller.principal, client_id, key_id)
            # A longer life is given, a shorter one taken: either needs the right to both.
            check_may_give(caller.principal, before.role, before.scopes)
            expires_at = change.expires_at if "expires_at" in change.model_fields_set else before.expires_at
            if "expires_at" in change.model_fields_set:
                _check_expiry(transaction, expires_at)
            transaction.execute(
                "UPDATE api_keys SET name = %s, expires_at = %s WHERE key_id = %s",
                (change.name if "name" in change.model_fields_set else before.name, _naive(expires_at), key_id),
            )
            if before.role is Role.ADMIN and expires_at and expires_at != before.expires_at:
                check_admin_remains(transaction, without=key_id)
            after = _found(transaction, caller.principal, client_id, key_id)
            return Change(Deed.UPDATE_KEY, key_id, client_id, before, after, after)

        return self._changes.make(caller, work)

    def revoke(self, caller: Caller, client_id: str, key_id: str) -> Key | DryRun:
        """At once; a key that is revoked already keeps the earlier moment. Raises Conflict for the last admin."""

        def work(transaction: Transaction) -> Change[Key]:
            before = _found(transaction, caller.principal, client_id, key_id)
            check_may_take(caller.principal, before.role)
            transaction.execute(
                "UPDATE api_keys SET revoked_at = LEAST(COALESCE(revoked_at, UTC_TIMESTAMP(6)), UTC_TIMESTAMP(6))"
                " WHERE key_id = %s",
                (key_id,),
            )
            if before.role is Role.ADMIN:
                check_admin_remains(transaction)
            elif key_id == caller.principal.actor:
                check_client_admin_remains(transaction, client_id)
            after = _found(transaction, caller.principal, client_id, key_id)
            return Change(Deed.REVOKE_KEY, key_id, client_id, before, after, after)

        return self._changes.make(caller, work)

    def rotate(self, caller: Caller, client_id: str, key_id: str, rotation: Rotation) -> RotatedKey | DryRun:
        """Another key with the same name, role, scopes and expiry; the old one works for the overlap.

        Raises Conflict for a key that is at its end already.
        """

        def work(transaction: Transaction) -> Change[RotatedKey]:
            before = _found(transaction, caller.principal, client_id, key_id)
            check_may_give(caller.principal, before.role, before.scopes)
            ended = transaction.execute(
                "UPDATE api_keys SET revoked_at = UTC_TIMESTAMP(6) + INTERVAL %s SECOND WHERE key_id = %s"
                " AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > UTC_TIMESTAMP(6))",
                (rotation.overlap_s, key_id),
            )
            if not ended:
                raise Conflict("The key is expired, revoked, or replaced already.")
            same = NewKey(name=before.name, role=before.role, scopes=before.scopes, expires_at=before.expires_at)
            rotated = RotatedKey(
                new=_insert(transaction, client_id, same, replaces=key_id),
                old=_found(transaction, caller.principal, client_id, key_id),
            )
            after = _without_secret(rotated.new)
            return Change(Deed.ROTATE_KEY, key_id, client_id, before, after, rotated)

        return self._changes.make(caller, work)


def _insert(transaction: Transaction, client_id: str, new: NewKey, *, replaces: str | None) -> IssuedKey:
    key_id = new_identifier("key")
    secret = PREFIX + base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
    transaction.execute(
        "INSERT INTO api_keys (key_id, client_id, name, key_hash, hint, role, scopes, created_at, expires_at,"
        " replaces_key_id) VALUES (%s, %s, %s, %s, %s, %s, %s, UTC_TIMESTAMP(6), %s, %s)",
        (
            key_id,
            client_id,
            new.name,
            hashlib.sha256(secret.encode()).digest(),
            secret[:HINT_CHARACTERS],
            new.role.value,
            None if new.scopes is None else json.dumps(sorted(set(new.scopes))),
            _naive(new.expires_at),
            replaces,
        ),
    )
    row = transaction.one(f"SELECT {COLUMNS} FROM api_keys WHERE key_id = %s", (key_id,))
    assert row is not None
    return IssuedKey(key=secret, **_key(row).model_dump())


def _found(transaction: Transaction, principal: Principal, client_id: str, key_id: str) -> Key:
    check_exists(transaction, principal, client_id)
    row = transaction.one(f"SELECT {COLUMNS} FROM api_keys WHERE client_id = %s AND key_id = %s", (client_id, key_id))
    if row is None or row["key_id"] != key_id:
        raise NotFound("There is no such key.")
    return _key(row)


def _key(row: Row) -> Key:
    return shown(Key, row | {"scopes": json.loads(row["scopes"]) if row["scopes"] else None})


def _without_secret(issued: IssuedKey) -> Key:
    return Key.model_validate(issued.model_dump(exclude={"key"}))


def _check_expiry(transaction: Transaction, expires_at: datetime | None) -> None:
    """Against the database's clock."""
    if expires_at is None:
        return
    row = transaction.one("SELECT UTC_TIMESTAMP(6) AS now")
    assert row is not None
    now = row["now"].replace(tzinfo=UTC)
    if not now < expires_at <= now + LONGEST_LIFE:
        raise InvalidRequest(f"expires_at: A moment ahead, within {LONGEST_LIFE.days} days.", field="expires_at")


def _naive(moment: datetime | None) -> datetime | None:
    """As MySQL's DATETIME has it."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment else None
