"""The audit log: who changed what, from where, what it was and what it is. Lines are added, never changed."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from pydantic import BaseModel

from core.client_address import client_address
from core.database import Transaction
from core.principal import Principal


class Deed(StrEnum):
    """What the audit log calls a change."""

    CREATE_CLIENT = "clients:create"
    UPDATE_CLIENT = "clients:update"
    ERASE_PHOTOS = "clients:erase"
    CREATE_KEY = "keys:create"
    UPDATE_KEY = "keys:update"
    REVOKE_KEY = "keys:revoke"
    ROTATE_KEY = "keys:rotate"
    CREATE_MEMBER = "members:create"
    UPDATE_MEMBER = "members:update"
    DELETE_MEMBER = "members:delete"
    CREATE_PLAN = "plans:create"
    REPLACE_PLAN = "plans:replace"
    DELETE_PLAN = "plans:delete"
    MEND_GATEWAY = "gateway:mend"
    REDRIVE = "dead-letters:redrive"
    CREATE_WEBHOOK = "webhooks:create"
    UPDATE_WEBHOOK = "webhooks:update"
    ROTATE_WEBHOOK = "webhooks:rotate"
    DELETE_WEBHOOK = "webhooks:delete"


@dataclass(frozen=True)
class Actor:
    """Who asks for a change, and from where."""

    principal: Principal
    source_ip: str
    request_id: str


def actor_of(principal: Principal, event: APIGatewayProxyEvent) -> Actor:
    """Whoever the front door let in with this request."""
    return Actor(principal, client_address(event), event.request_context.request_id or "")


def note_change(
    transaction: Transaction,
    actor: Actor,
    deed: Deed,
    target: str,
    *,
    client_id: str | None,
    before: BaseModel | None,
    after: BaseModel | None,
) -> None:
    """A line, in the transaction of the change itself; `before` and `after` must hold no secret."""
    transaction.execute(
        "INSERT INTO audit_log (at, actor, actor_role, client_id, action, target, before_it, after_it, source_ip,"
        " request_id) VALUES (UTC_TIMESTAMP(6), %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            actor.principal.actor,
            actor.principal.role.value,
            client_id,
            deed.value,
            target,
            _json(before),
            _json(after),
            actor.source_ip,
            actor.request_id,
        ),
    )


def shown(model: BaseModel | None) -> dict[str, Any] | None:
    """As the log keeps it."""
    return None if model is None else dict(model.model_dump(mode="json"))


def _json(model: BaseModel | None) -> str | None:
    return None if model is None else json.dumps(shown(model))
