"""Roles and what each may do: one table, from which the gateway's policy, the check and the docs are made."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """One thing that can be done. A key's `scopes` are some of these."""

    READ_INSPECTIONS = "inspections:read"
    CREATE_INSPECTIONS = "inspections:create"
    CANCEL_INSPECTIONS = "inspections:cancel"
    ERASE_INSPECTIONS = "inspections:erase"
    EMBED = "embeddings:create"
    DESCRIBE = "descriptions:create"
    READ_WEBHOOKS = "webhooks:read"
    MANAGE_WEBHOOKS = "webhooks:manage"
    READ_USAGE = "usage:read"
    READ_SERVICE = "service:read"
    READ_CLIENTS = "clients:read"
    MANAGE_CLIENTS = "clients:manage"
    READ_KEYS = "keys:read"
    MANAGE_KEYS = "keys:manage"
    READ_MEMBERS = "members:read"
    MANAGE_MEMBERS = "members:manage"
    READ_PLANS = "plans:read"
    MANAGE_PLANS = "plans:manage"
    READ_AUDIT = "audit:read"
    READ_GATEWAY = "gateway:read"
    MEND_GATEWAY = "gateway:mend"
    READ_DEAD_LETTERS = "dead-letters:read"
    REDRIVE_DEAD_LETTERS = "dead-letters:redrive"


class Role(StrEnum):
    """What a principal is to its client, or (admin, auditor) to the whole installation."""

    VIEWER = "viewer"
    REVIEWER = "reviewer"
    OPERATOR = "operator"
    CLIENT_ADMIN = "client-admin"
    ADMIN = "admin"
    AUDITOR = "auditor"


_VIEW = frozenset({Action.READ_INSPECTIONS, Action.READ_USAGE, Action.READ_SERVICE, Action.READ_WEBHOOKS})
_OPERATE = _VIEW | {Action.CREATE_INSPECTIONS, Action.CANCEL_INSPECTIONS, Action.EMBED, Action.DESCRIBE}
_OWN_CLIENT = {Action.READ_CLIENTS, Action.READ_KEYS, Action.MANAGE_KEYS, Action.READ_MEMBERS, Action.MANAGE_MEMBERS}

MAY: dict[Role, frozenset[Action]] = {
    Role.VIEWER: _VIEW,
    Role.REVIEWER: _VIEW,
    Role.OPERATOR: _OPERATE,
    Role.CLIENT_ADMIN: _OPERATE | _OWN_CLIENT | {Action.ERASE_INSPECTIONS, Action.MANAGE_WEBHOOKS, Action.READ_AUDIT},
    Role.ADMIN: frozenset(Action),
    Role.AUDITOR: frozenset(
        {
            Action.READ_USAGE,
            Action.READ_SERVICE,
            Action.READ_CLIENTS,
            Action.READ_KEYS,
            Action.READ_MEMBERS,
            Action.READ_PLANS,
            Action.READ_AUDIT,
            Action.READ_GATEWAY,
            Action.READ_DEAD_LETTERS,
        }
    ),
}

# Administration across clients; every other role, and everything about inspections, stays with one's own client.
ACROSS_CLIENTS = frozenset({Role.ADMIN, Role.AUDITOR})

# Which roles a principal may give, change or take away.
GRANTS: dict[Role, frozenset[Role]] = {
    Role.ADMIN: frozenset(Role),
    Role.CLIENT_ADMIN: frozenset({Role.VIEWER, Role.REVIEWER, Role.OPERATOR, Role.CLIENT_ADMIN}),
}


@dataclass(frozen=True)
class Route:
    """A method and a path of the API with `{parameters}`, and what asking for it does."""

    method: str
    path: str
    action: Action

    def matches(self, method: str, path: str) -> bool:
        """`path` as sent, without the stage."""
        return method == self.method and re.fullmatch(_PARAMETER.sub("[^/]+", self.path), path) is not None


_PARAMETER = re.compile(r"\{\w+\}")

ROUTES: tuple[Route, ...] = (
    Route("POST", "/v1/inspections", Action.CREATE_INSPECTIONS),
    Route("GET", "/v1/inspections", Action.READ_INSPECTIONS),
    Route("GET", "/v1/inspections/{inspection_id}", Action.READ_INSPECTIONS),
    Route("GET", "/v1/inspections/{inspection_id}/events", Action.READ_INSPECTIONS),
    Route("POST", "/v1/inspections/{inspection_id}/cancel", Action.CANCEL_INSPECTIONS),
    Route("DELETE", "/v1/inspections/{inspection_id}", Action.ERASE_INSPECTIONS),
    Route("POST", "/v1/batches", Action.CREATE_INSPECTIONS),
    Route("GET", "/v1/batches", Action.READ_INSPECTIONS),
    Route("GET", "/v1/batches/{batch_id}", Action.READ_INSPECTIONS),
    Route("GET", "/v1/batches/{batch_id}/items", Action.READ_INSPECTIONS),
    Route("POST", "/v1/batches/{batch_id}/cancel", Action.CANCEL_INSPECTIONS),
    Route("GET", "/v1/batches/{batch_id}/results", Action.READ_INSPECTIONS),
    Route("POST", "/v1/uploads", Action.CREATE_INSPECTIONS),
    Route("GET", "/v1/webhooks", Action.READ_WEBHOOKS),
    Route("POST", "/v1/webhooks", Action.MANAGE_WEBHOOKS),
    Route("GET", "/v1/webhooks/{endpoint_id}", Action.READ_WEBHOOKS),
    Route("PATCH", "/v1/webhooks/{endpoint_id}", Action.MANAGE_WEBHOOKS),
    Route("DELETE", "/v1/webhooks/{endpoint_id}", Action.MANAGE_WEBHOOKS),
    Route("POST", "/v1/webhooks/{endpoint_id}/rotate", Action.MANAGE_WEBHOOKS),
    Route("POST", "/v1/webhooks/{endpoint_id}/test", Action.MANAGE_WEBHOOKS),
    Route("GET", "/v1/webhooks/{endpoint_id}/deliveries", Action.READ_WEBHOOKS),
    Route("POST", "/v1/webhooks/{endpoint_id}/replay", Action.MANAGE_WEBHOOKS),
    Route("POST", "/v1/embeddings/text", Action.EMBED),
    Route("POST", "/v1/embeddings/image", Action.EMBED),
    Route("POST", "/v1/embeddings/batch", Action.EMBED),
    Route("POST", "/v1/descriptions", Action.DESCRIBE),
    Route("GET", "/v1/me", Action.READ_USAGE),
    Route("GET", "/v1/service", Action.READ_SERVICE),
    Route("GET", "/v1/admin/roles", Action.READ_MEMBERS),
    Route("GET", "/v1/admin/clients", Action.READ_CLIENTS),
    Route("POST", "/v1/admin/clients", Action.MANAGE_CLIENTS),
    Route("GET", "/v1/admin/clients/{client_id}", Action.READ_CLIENTS),
    Route("PATCH", "/v1/admin/clients/{client_id}", Action.MANAGE_CLIENTS),
    Route("DELETE", "/v1/admin/clients/{client_id}/photos", Action.ERASE_INSPECTIONS),
    Route("GET", "/v1/admin/clients/{client_id}/usage", Action.READ_USAGE),
    Route("GET", "/v1/admin/clients/{client_id}/keys", Action.READ_KEYS),
    Route("POST", "/v1/admin/clients/{client_id}/keys", Action.MANAGE_KEYS),
    Route("PATCH", "/v1/admin/clients/{client_id}/keys/{key_id}", Action.MANAGE_KEYS),
    Route("DELETE", "/v1/admin/clients/{client_id}/keys/{key_id}", Action.MANAGE_KEYS),
    Route("POST", "/v1/admin/clients/{client_id}/keys/{key_id}/rotate", Action.MANAGE_KEYS),
    Route("GET", "/v1/admin/clients/{client_id}/members", Action.READ_MEMBERS),
    Route("POST", "/v1/admin/clients/{client_id}/members", Action.MANAGE_MEMBERS),
    Route("PATCH", "/v1/admin/clients/{client_id}/members/{member_id}", Action.MANAGE_MEMBERS),
    Route("DELETE", "/v1/admin/clients/{client_id}/members/{member_id}", Action.MANAGE_MEMBERS),
    Route("GET", "/v1/admin/plans", Action.READ_PLANS),
    Route("GET", "/v1/admin/plans/{plan}", Action.READ_PLANS),
    Route("PUT", "/v1/admin/plans/{plan}", Action.MANAGE_PLANS),
    Route("DELETE", "/v1/admin/plans/{plan}", Action.MANAGE_PLANS),
    Route("GET", "/v1/admin/audit", Action.READ_AUDIT),
    Route("GET", "/v1/admin/gateway", Action.READ_GATEWAY),
    Route("POST", "/v1/admin/gateway/reconcile", Action.MEND_GATEWAY),
    Route("GET", "/v1/admin/dead-letters", Action.READ_DEAD_LETTERS),
    Route("POST", "/v1/admin/dead-letters/redrive", Action.REDRIVE_DEAD_LETTERS),
)


def action_of(method: str, path: str) -> Action | None:
    """What a request to `path` (without stage) does; None where the table has no such route."""
    return next((route.action for route in ROUTES if route.matches(method, path)), None)


def routes_for(actions: Iterable[Action]) -> tuple[Route, ...]:
    """The routes that somebody with these actions may ask for."""
    allowed = frozenset(actions)
    return tuple(route for route in ROUTES if route.action in allowed)


def may_grant(granter: Role, role: Role) -> bool:
    """Whether `granter` may give `role`, or change or remove somebody who has it."""
    return role in GRANTS.get(granter, frozenset())
