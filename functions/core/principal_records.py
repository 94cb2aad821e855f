"""From a credential that was checked to the principal it stands for: keys by their hash, members by who vouches."""

import hmac
import json
import re
from contextlib import suppress

from core.database import Database, Row
from core.errors import Unavailable
from core.principal import Principal, scopes_of
from core.roles import Role

IAM = "iam"  # the issuer of members that sign their requests with AWS credentials
USED_EVERY_S = 60  # `last_used_at` is kept to the minute: one write a key and minute, not one a request

_ASSUMED_ROLE = re.compile(r"arn:(aws[a-z-]*):sts::(\d{12}):assumed-role/([^/]+)/.+")


class PrincipalRecords:
    """Queries over one `Database`. All raise Unavailable when it is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def by_key_hash(self, digest: bytes) -> Principal | None:
        """The principal of a live key (SHA-256, 32 bytes); None if unknown, expired, revoked or its client disabled.

        The row is found through an index over hashes of 256 random bits, so time tells nothing about a key's
        characters; what is found is still compared in constant time.
        """
        row = self._database.one(
            "SELECT k.key_id AS actor, k.key_hash, k.client_id, k.role, k.scopes, c.plan,"
            " (k.last_used_at IS NULL OR k.last_used_at < UTC_TIMESTAMP(6) - INTERVAL %s SECOND) AS stale"
            " FROM api_keys k JOIN clients c ON c.client_id = k.client_id"
            " WHERE k.key_hash = %s AND c.disabled_at IS NULL"
            " AND (k.revoked_at IS NULL OR k.revoked_at > UTC_TIMESTAMP(6))"
            " AND (k.expires_at IS NULL OR k.expires_at > UTC_TIMESTAMP(6))",
            (USED_EVERY_S, digest),
        )
        if row is None or not hmac.compare_digest(row["key_hash"], digest):
            return None
        if row["stale"]:
            self._note_use(row["actor"])
        return _principal(row)

    def by_subject(self, issuer: str, subject: str) -> Principal | None:
        """The principal of a member: a JWT's issuer and subject, or IAM and an ARN; None if there is no such member."""
        row = self._database.one(
            "SELECT m.member_id AS actor, m.issuer, m.subject, m.client_id, m.role, NULL AS scopes, c.plan"
            " FROM members m JOIN clients c ON c.client_id = m.client_id"
            " WHERE m.issuer = %s AND m.subject = %s AND c.disabled_at IS NULL",
            (issuer, subject),
        )
        # The database takes 'abc' and 'abc ' for equal.
        return _principal(row) if row and (row["issuer"], row["subject"]) == (issuer, subject) else None

    def by_arn(self, arn: str) -> Principal | None:
        """The principal of an AWS identity; `arn` is the caller's, as API Gateway names it."""
        return self.by_subject(IAM, role_arn(arn))

    def _note_use(self, key_id: str) -> None:
        # A database that can be read but not written, as after a failover, still says whose the key is.
        with suppress(Unavailable):
            self._database.execute("UPDATE api_keys SET last_used_at = UTC_TIMESTAMP(6) WHERE key_id = %s", (key_id,))


def role_arn(arn: str) -> str:
    """An assumed role's session as the role itself (without its path, which the session's ARN does not have)."""
    session = _ASSUMED_ROLE.fullmatch(arn)
    return f"arn:{session[1]}:iam::{session[2]}:role/{session[3]}" if session else arn


def _principal(row: Row) -> Principal:
    role = Role(row["role"])
    narrowed = json.loads(row["scopes"]) if row["scopes"] is not None else None
    return Principal(row["client_id"], row["actor"], role, scopes_of(role, narrowed), row["plan"])
