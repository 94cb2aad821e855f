"""From the key a request carries to the principal it speaks for."""

import hashlib
import hmac
from dataclasses import dataclass

from core.database import Database

LONGEST_KEY = 200  # ours have 51 characters; what is much longer is not looked up


@dataclass(frozen=True)
class Principal:
    """Who asks. Stages see this and never the key."""

    client_id: str
    key_id: str
    role: str
    plan: str


def hash_key(key: str) -> bytes:
    """SHA-256, 32 bytes. A key is 256 random bits, so a slow, salted hash would add nothing an attacker notices."""
    return hashlib.sha256(key.encode()).digest()


def authorize(database: Database, key: str) -> Principal | None:
    """The principal of a live key, or None for one that is unknown, expired, revoked or of a disabled client.

    The row is found by the key's hash through an index, so the time it takes tells nothing about a key's characters;
    what is found is still compared in constant time. Raises Unavailable.
    """
    if not key or len(key) > LONGEST_KEY:
        return None
    digest = hash_key(key)
    row = database.one(
        "SELECT k.key_id, k.key_hash, k.client_id, k.role, c.plan FROM api_keys k"
        " JOIN clients c ON c.client_id = k.client_id"
        " WHERE k.key_hash = %s AND k.revoked_at IS NULL AND c.disabled_at IS NULL"
        " AND (k.expires_at IS NULL OR k.expires_at > UTC_TIMESTAMP(6))",
        (digest,),
    )
    if row is None or not hmac.compare_digest(row["key_hash"], digest):
        return None
    return Principal(client_id=row["client_id"], key_id=row["key_id"], role=row["role"], plan=row["plan"])
