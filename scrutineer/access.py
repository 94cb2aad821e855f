"""Clients and keys, written straight into the database by an operator."""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

KEY_PREFIX = "scr_"  # lets secret scanners find a key that got into a repository or a log
IDENTIFIER_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


@dataclass(frozen=True)
class NewKey:
    """`key` is the secret and exists nowhere else: the database keeps its SHA-256."""

    client_id: str
    key_id: str
    key: str


def create_client_with_key(connection: Any, *, client_name: str, key_id: str | None = None) -> NewKey:
    """A client and its first key in one transaction. `connection` is an open pymysql connection.

    `key_id` is what the authorizer names to the usage plan; API Gateway must hold a key of that value.
    """
    new = NewKey(
        client_id=new_identifier("client"),
        key_id=key_id or new_identifier("key"),
        key=KEY_PREFIX + base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("="),
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO clients (client_id, name, plan, created_at) VALUES (%s, %s, 'standard', UTC_TIMESTAMP(6))",
            (new.client_id, client_name),
        )
        cursor.execute(
            "INSERT INTO api_keys (key_id, client_id, name, key_hash, role, created_at)"
            " VALUES (%s, %s, 'first', %s, 'operator', UTC_TIMESTAMP(6))",
            (new.key_id, new.client_id, hashlib.sha256(new.key.encode()).digest()),
        )
    connection.commit()
    return new


def new_identifier(prefix: str) -> str:
    """A prefix and 130 random bits, as the functions make them."""
    return f"{prefix}_{''.join(secrets.choice(IDENTIFIER_ALPHABET) for _ in range(26))}"
