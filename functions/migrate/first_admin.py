"""The first admin of an installation, since in the admin API only an admin makes another."""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.database import Database, Transaction
from core.errors import Conflict, InvalidRequest
from core.identifiers import new_identifier

KEY_PREFIX = "scr_"  # lets secret scanners find a key that got into a repository or a log
HINT_LENGTH = 8  # of the key's own characters, the prefix included: enough to tell keys apart, useless to guess by
ACTOR = "bootstrap"
FIRST_KEY_NAME = "first"
LONGEST_NAME = 100


@dataclass(frozen=True)
class Wanted:
    """`client` is a name. `force`: even if there is an admin. `replace`: end what an earlier one gave the client."""

    client: str
    plan: str = "standard"
    force: bool = False
    replace: bool = False

    @classmethod
    def from_event(cls, content: Any) -> "Wanted":
        """Raises InvalidRequest, which names the field."""
        fields: Mapping[str, type] = {"client": str, "plan": str, "force": bool, "replace": bool}
        if not isinstance(content, dict) or "client" not in content:
            raise InvalidRequest("client: The client's name is missing.", field="client")
        for name, value in content.items():
            if name not in fields or type(value) is not fields[name]:
                raise InvalidRequest(f"{name}: It is unknown, or of another type.", field=name)
        return cls(**content)


@dataclass(frozen=True)
class NewKey:
    """`key` is the secret and exists nowhere else: the database keeps its SHA-256."""

    client_id: str
    key_id: str
    key: str

    def __repr__(self) -> str:
        return f"NewKey({self.key_id})"


def make_first_admin(database: Database, wanted: Wanted) -> NewKey:
    """An admin's key for the client of that name, which is made if there is none, with lines in the audit log.

    Raises InvalidRequest for a name or plan that can't be, Conflict where an admin exists already (unless `force`) or
    the client can't be told or is disabled.
    """
    if not 1 <= len(wanted.client) <= LONGEST_NAME or not wanted.client.isprintable():
        raise InvalidRequest(
            f"client: The client's name must have 1-{LONGEST_NAME} characters that can be printed.", field="client"
        )

    def work(transaction: Transaction) -> NewKey:
        transaction.one("SELECT only_row FROM admin_lock FOR UPDATE")
        if transaction.one("SELECT plan FROM plans WHERE plan = %s", (wanted.plan,)) is None:
            raise InvalidRequest(f"plan: There is no plan {wanted.plan!r}.", field="plan")
        if not wanted.force and _has_admin(transaction):
            raise Conflict(
                "There is an admin already, who can make clients and keys (`scrutineer clients`, `scrutineer keys`)."
                " If that key is lost, use --force."
            )
        client_id = _client(transaction, wanted.client, wanted.plan)
        if wanted.replace:
            _revoke_earlier(transaction, client_id)
        return _key(transaction, client_id)

    return database.transaction(work)


def _has_admin(transaction: Transaction) -> bool:
    """Whether a key or a member that still works is an admin."""
    return (
        transaction.one(
            "SELECT 1 FROM api_keys k JOIN clients c ON c.client_id = k.client_id"
            " WHERE k.role = 'admin' AND k.scopes IS NULL AND c.disabled_at IS NULL"
            " AND (k.revoked_at IS NULL OR k.revoked_at > UTC_TIMESTAMP(6))"
            " AND (k.expires_at IS NULL OR k.expires_at > UTC_TIMESTAMP(6))"
            " UNION ALL SELECT 1 FROM members m JOIN clients c ON c.client_id = m.client_id"
            " WHERE m.role = 'admin' AND c.disabled_at IS NULL LIMIT 1"
        )
        is not None
    )


def _client(transaction: Transaction, name: str, plan: str) -> str:
    """The id of the one client of that name, found or made."""
    found = transaction.all("SELECT client_id, disabled_at FROM clients WHERE name = %s LIMIT 2", (name,))
    if len(found) > 1:
        raise Conflict(f"More than one client is named {name!r}: choose another name.")
    if found:
        if found[0]["disabled_at"] is not None:
            raise Conflict(f"The client {name!r} is disabled: choose another name.")
        return str(found[0]["client_id"])
    made = new_identifier("client")
    transaction.execute(
        "INSERT INTO clients (client_id, name, plan, created_at, updated_at)"
        " VALUES (%s, %s, %s, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))",
        (made, name, plan),
    )
    transaction.execute(
        "INSERT INTO client_usage (client_id, day, month)"
        " VALUES (%s, UTC_DATE(), UTC_DATE() - INTERVAL (DAYOFMONTH(UTC_DATE()) - 1) DAY)",
        (made,),
    )
    _note(transaction, made, "clients:create", made, {"client_id": made, "name": name, "plan": plan})
    return made


def _revoke_earlier(transaction: Transaction, client_id: str) -> None:
    for row in transaction.all(
        "SELECT key_id FROM api_keys WHERE client_id = %s AND name = %s AND role = 'admin' AND revoked_at IS NULL",
        (client_id, FIRST_KEY_NAME),
    ):
        key_id = row["key_id"]
        transaction.execute("UPDATE api_keys SET revoked_at = UTC_TIMESTAMP(6) WHERE key_id = %s", (key_id,))
        _note(transaction, client_id, "keys:revoke", key_id, {"key_id": key_id})


def _key(transaction: Transaction, client_id: str) -> NewKey:
    secret = KEY_PREFIX + base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
    new = NewKey(client_id, new_identifier("key"), secret)
    hint = new.key[:HINT_LENGTH]
    transaction.execute(
        "INSERT INTO api_keys (key_id, client_id, name, key_hash, hint, role, created_at)"
        " VALUES (%s, %s, %s, %s, %s, 'admin', UTC_TIMESTAMP(6))",
        (new.key_id, client_id, FIRST_KEY_NAME, hashlib.sha256(new.key.encode()).digest(), hint),
    )
    after = {"key_id": new.key_id, "client_id": client_id, "name": FIRST_KEY_NAME, "hint": hint, "role": "admin"}
    _note(transaction, client_id, "keys:create", new.key_id, after)
    return new


def _note(transaction: Transaction, client_id: str, action: str, target: str, after: Mapping[str, Any]) -> None:
    """No address and no request: whoever may invoke the function, or write to the database, did it there."""
    transaction.execute(
        "INSERT INTO audit_log (at, actor, actor_role, client_id, action, target, after_it, source_ip, request_id)"
        " VALUES (UTC_TIMESTAMP(6), %s, 'admin', %s, %s, %s, %s, '', '')",
        (ACTOR, client_id, action, target, json.dumps(after)),
    )
