"""The first client and admin key of an installation, straight into its database: the admin API asks for an admin."""

import base64
import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pymysql

from scrutineer.errors import UserError

KEY_PREFIX = "scr_"  # lets secret scanners find a key that got into a repository or a log
HINT_LENGTH = 8  # of the key's own characters, the prefix included: enough to tell keys apart, useless to guess by
IDENTIFIER_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
ACTOR = "bootstrap"
FIRST_KEY_NAME = "first"
LONGEST_NAME = 100
NO_SUCH_TABLE, NO_SUCH_COLUMN = 1146, 1054


@dataclass(frozen=True)
class NewKey:
    """`key` is the secret and exists nowhere else: the database keeps its SHA-256."""

    client_id: str
    key_id: str
    key: str


def bootstrap(
    connection: Any,
    *,
    client_name: str,
    plan: str = "standard",
    force: bool = False,
    replace: bool = False,
) -> NewKey:
    """An admin's key for the client of that name, which is made if there is none, with a line in the audit log.

    `connection` is an open pymysql connection; all happens in one transaction. `replace` revokes what an earlier
    bootstrap gave the client. Raises UserError where an admin exists already, unless `force`.
    """
    if not 1 <= len(client_name) <= LONGEST_NAME or not client_name.isprintable():
        raise UserError(f"The client's name must have 1-{LONGEST_NAME} characters that can be printed.")
    with _transaction(connection) as cursor:
        cursor.execute("SELECT plan FROM plans WHERE plan = %s FOR UPDATE", (plan,))  # one bootstrap at a time
        if cursor.fetchone() is None:
            raise UserError(f"There is no plan {plan!r}.")
        if not force and _has_admin(cursor):
            raise UserError(
                "There is an admin already, who can make clients and keys (`scrutineer clients`, `scrutineer keys`)."
                " If that key is lost, use --force."
            )
        client_id = _client(cursor, client_name, plan)
        if replace:
            _revoke_earlier(cursor, client_id)
        return _key(cursor, client_id)


def new_key() -> str:
    """A prefix and 256 random bits, as the functions make them."""
    return KEY_PREFIX + base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")


def new_identifier(prefix: str) -> str:
    """A prefix and 130 random bits, as the functions make them."""
    return f"{prefix}_{''.join(secrets.choice(IDENTIFIER_ALPHABET) for _ in range(26))}"


@contextmanager
def _transaction(connection: Any) -> Iterator[Any]:
    try:
        connection.begin()
        with connection.cursor() as cursor:
            yield cursor
        connection.commit()
    except (pymysql.err.ProgrammingError, pymysql.err.OperationalError) as error:
        connection.rollback()
        if error.args[0] in (NO_SUCH_TABLE, NO_SUCH_COLUMN):
            raise UserError("The database's tables are not up to date: run `scrutineer migrate` first.") from error
        raise
    except BaseException:
        connection.rollback()
        raise


def _has_admin(cursor: Any) -> bool:
    """Whether a key or a member that still works is an admin."""
    cursor.execute(
        "SELECT 1 FROM api_keys k JOIN clients c ON c.client_id = k.client_id"
        " WHERE k.role = 'admin' AND k.scopes IS NULL AND c.disabled_at IS NULL"
        " AND (k.revoked_at IS NULL OR k.revoked_at > UTC_TIMESTAMP(6))"
        " AND (k.expires_at IS NULL OR k.expires_at > UTC_TIMESTAMP(6))"
        " UNION ALL SELECT 1 FROM members m JOIN clients c ON c.client_id = m.client_id"
        " WHERE m.role = 'admin' AND c.disabled_at IS NULL LIMIT 1"
    )
    return cursor.fetchone() is not None


def _client(cursor: Any, name: str, plan: str) -> str:
    """The id of the one client of that name, found or made."""
    cursor.execute("SELECT client_id, disabled_at FROM clients WHERE name = %s LIMIT 2", (name,))
    found = cursor.fetchall()
    if len(found) > 1:
        raise UserError(f"More than one client is named {name!r}: choose another name.")
    if found:
        client_id, disabled_at = found[0]
        if disabled_at is not None:
            raise UserError(f"The client {name!r} is disabled: choose another name.")
        return str(client_id)
    made = new_identifier("client")
    cursor.execute(
        "INSERT INTO clients (client_id, name, plan, created_at, updated_at)"
        " VALUES (%s, %s, %s, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))",
        (made, name, plan),
    )
    cursor.execute(
        "INSERT INTO client_usage (client_id, day, month)"
        " VALUES (%s, UTC_DATE(), UTC_DATE() - INTERVAL (DAYOFMONTH(UTC_DATE()) - 1) DAY)",
        (made,),
    )
    _note(cursor, made, "clients:create", made, {"client_id": made, "name": name, "plan": plan})
    return made


def _revoke_earlier(cursor: Any, client_id: str) -> None:
    cursor.execute(
        "SELECT key_id FROM api_keys WHERE client_id = %s AND name = %s AND role = 'admin' AND revoked_at IS NULL",
        (client_id, FIRST_KEY_NAME),
    )
    for (key_id,) in cursor.fetchall():
        cursor.execute("UPDATE api_keys SET revoked_at = UTC_TIMESTAMP(6) WHERE key_id = %s", (key_id,))
        _note(cursor, client_id, "keys:revoke", key_id, {"key_id": key_id})


def _key(cursor: Any, client_id: str) -> NewKey:
    new = NewKey(client_id, new_identifier("key"), new_key())
    hint = new.key[:HINT_LENGTH]
    cursor.execute(
        "INSERT INTO api_keys (key_id, client_id, name, key_hash, hint, role, created_at)"
        " VALUES (%s, %s, %s, %s, %s, 'admin', UTC_TIMESTAMP(6))",
        (new.key_id, client_id, FIRST_KEY_NAME, hashlib.sha256(new.key.encode()).digest(), hint),
    )
    after = {"key_id": new.key_id, "client_id": client_id, "name": FIRST_KEY_NAME, "hint": hint, "role": "admin"}
    _note(cursor, client_id, "keys:create", new.key_id, after)
    return new


def _note(cursor: Any, client_id: str, action: str, target: str, after: Mapping[str, Any]) -> None:
    """No address and no request: whoever may write to the database did it there."""
    cursor.execute(
        "INSERT INTO audit_log (at, actor, actor_role, client_id, action, target, after_it, source_ip, request_id)"
        " VALUES (UTC_TIMESTAMP(6), %s, 'admin', %s, %s, %s, %s, '', '')",
        (ACTOR, client_id, action, target, json.dumps(after)),
    )
