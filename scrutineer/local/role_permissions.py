"""What the policies of a role allow: identity-based policies, an explicit Deny before any Allow.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html. It is imported by every
function's process, so it imports next to nothing.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

MEMBERS = {"Sid", "Effect", "Action", "Resource", "Condition"}
OPERATORS = {"StringEquals", "StringLike"}


class StatementUnsupported(ValueError):
    """A statement with something that is not understood here."""


class Grant(NamedTuple):
    """One action on one resource that a statement allows, both as they are written there."""

    action: str
    resource: str


class Need(NamedTuple):
    """What a call asks of the caller's role. `resource` is None where it can't be told from the call."""

    action: str
    resource: str | None
    context: Mapping[str, str]


class _Statement(NamedTuple):
    allows: bool
    grants: tuple[Grant, ...]
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...]


class RolePermissions:
    """Raises `StatementUnsupported` for a statement whose meaning it does not know."""

    def __init__(self, statements: Iterable[Mapping[str, Any]]) -> None:
        self._statements = [_read(statement) for statement in statements]

    @property
    def grants(self) -> frozenset[Grant]:
        """Everything that is allowed."""
        return frozenset(grant for statement in self._statements if statement.allows for grant in statement.grants)

    def allowing(self, need: Need) -> frozenset[Grant]:
        """The grants that allow it; empty where it is denied or nothing speaks of it."""
        found: set[Grant] = set()
        for statement in self._statements:
            speaking = [grant for grant in statement.grants if _speaks_of(grant, need)]
            if speaking and _holds(statement.conditions, need.context):
                if not statement.allows:
                    return frozenset()
                found.update(speaking)
        return frozenset(found)


def _read(statement: Mapping[str, Any]) -> _Statement:
    name = statement.get("Sid", "a statement")
    unknown = sorted(set(statement) - MEMBERS)
    if unknown:
        raise StatementUnsupported(f"{name}: {', '.join(unknown)}")
    conditions = []
    for operator, keys in (statement.get("Condition") or {}).items():
        if operator not in OPERATORS:
            raise StatementUnsupported(f"{name}: the condition {operator}")
        conditions += [(operator, key.lower(), tuple(_listed(wanted))) for key, wanted in keys.items()]
    return _Statement(
        statement["Effect"] == "Allow",
        tuple(
            Grant(action, resource)
            for action in _listed(statement["Action"])
            for resource in _listed(statement.get("Resource", []))
        ),
        tuple(conditions),
    )


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _speaks_of(grant: Grant, need: Need) -> bool:
    """Actions are compared without regard to case, resources with it."""
    if not _pattern(grant.action.lower()).fullmatch(need.action.lower()):
        return False
    return need.resource is None or _pattern(grant.resource).fullmatch(need.resource) is not None


def _holds(conditions: Iterable[tuple[str, str, tuple[str, ...]]], context: Mapping[str, str]) -> bool:
    """A key that the call does not carry makes its condition false."""
    given = {key.lower(): value for key, value in context.items()}
    return all(
        key in given
        and any(
            given[key] == wanted if operator == "StringEquals" else _pattern(wanted).fullmatch(given[key])
            for wanted in wanteds
        )
        for operator, key, wanteds in conditions
    )


@lru_cache(maxsize=1024)
def _pattern(pattern: str) -> re.Pattern[str]:
    """`*` is any run of characters, slashes included; `?` is any one."""
    translated = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)
    return re.compile(translated, re.DOTALL)
