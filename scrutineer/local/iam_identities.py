"""Who an access key belongs to: the IAM users and assumed roles of the stack's emulated IAM and STS."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from scrutineer.local.errors import LocalStackError


class IdentitiesUnavailable(LocalStackError):
    """The AWS services do not answer, so nobody can be recognised."""


@dataclass(frozen=True)
class Identity:
    """`policies` are what it may do; each of `limits` (a role's boundary, a session's policy) must allow it as well."""

    access_key_id: str
    secret: str = field(repr=False)
    session_token: str | None = field(repr=False)
    expires_at: datetime | None
    active: bool
    arn: str
    user_id: str
    policies: tuple[Mapping[str, Any], ...]
    limits: tuple[Mapping[str, Any], ...]


def finder(services_url: str) -> Callable[[str], Identity | None]:
    """A function from an access key's id to its owner; None for an id that nobody has."""
    client = httpx.Client(base_url=services_url, timeout=5, trust_env=False)

    def find(access_key_id: str) -> Identity | None:
        # What is no such id would be another path.
        if not access_key_id.isalnum():
            return None
        try:
            answer = client.get(f"/scrutineer-local/access-keys/{access_key_id}")
        except httpx.HTTPError as error:
            raise IdentitiesUnavailable(f"no answer from the AWS services: {error}") from error
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if not answer.is_success:
            raise IdentitiesUnavailable(f"the AWS services answered {answer.status_code}")
        return _identity(access_key_id, answer.json())

    return find


def _identity(access_key_id: str, record: Mapping[str, Any]) -> Identity:
    expires_at = record["expires_at"]
    return Identity(
        access_key_id=access_key_id,
        secret=record["secret"],
        session_token=record["session_token"],
        expires_at=_utc(expires_at) if expires_at else None,
        active=record["active"],
        arn=record["arn"],
        user_id=record["user_id"],
        policies=tuple(json.loads(document) for document in record["policies"]),
        limits=tuple(json.loads(document) for document in record["limits"]),
    )


def _utc(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
