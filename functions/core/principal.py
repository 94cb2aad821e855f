"""Who asks, however they came in: the one thing that stages know of a caller."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from core.roles import ACROSS_CLIENTS, MAY, Action, Role


@dataclass(frozen=True)
class Principal:
    """A caller: `actor` is the key's or member's id, `scopes` what it may do."""

    client_id: str
    actor: str
    role: Role
    scopes: frozenset[Action]
    plan: str

    def may(self, action: Action) -> bool:
        return action in self.scopes

    def reaches(self, client_id: str) -> bool:
        """Whether administration of that client is open to this principal; what is not, does not exist for it."""
        return client_id == self.client_id or self.role in ACROSS_CLIENTS


def scopes_of(role: Role, narrowed: Iterable[str] | None = None) -> frozenset[Action]:
    """What a role may do, narrowed to some of it where a key says so. A key's scopes never add to its role."""
    if narrowed is None:
        return MAY[role]
    return MAY[role] & {Action(scope) for scope in narrowed if scope in set(Action)}


def to_context(principal: Principal) -> dict[str, str]:
    """As an authorizer's context, which holds nothing but text."""
    return {
        "client_id": principal.client_id,
        "actor": principal.actor,
        "role": principal.role.value,
        "scopes": " ".join(sorted(principal.scopes)),
        "plan": principal.plan,
    }


def from_context(context: Mapping[str, Any]) -> Principal:
    """Back from the authorizer's context. Raises KeyError or ValueError for anything to_context did not make."""
    role = Role(context["role"])
    return Principal(
        client_id=context["client_id"],
        actor=context["actor"],
        role=role,
        scopes=scopes_of(role, context["scopes"].split()),
        plan=context["plan"],
    )
