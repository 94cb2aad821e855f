"""Whether the policies of an IAM identity allow `execute-api:Invoke` on a method.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from scrutineer.local.iam_identities import Identity
from scrutineer.local.policy import ACTION, matches

KNOWN = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource"}
log = logging.getLogger(__name__)


def is_permitted(identity: Identity, method_arn: str) -> bool:
    """One policy must allow it, none may deny it, and each limit must allow it too."""
    return _allows(identity.policies, method_arn) and all(_allows([limit], method_arn) for limit in identity.limits)


def _allows(documents: Iterable[Mapping[str, Any]], method_arn: str) -> bool:
    effects = {
        statement.get("Effect")
        for document in documents
        for statement in _statements(document)
        if _applies(statement, method_arn)
    }
    return "Deny" not in effects and "Allow" in effects


def _statements(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    statements = document.get("Statement") or []
    return [statements] if isinstance(statements, Mapping) else list(statements)


def _applies(statement: Mapping[str, Any], method_arn: str) -> bool:
    if not _speaks_of(statement, "Action", ACTION) or not _speaks_of(statement, "Resource", method_arn):
        return False
    unknown = sorted(set(statement) - KNOWN)
    if unknown or "${" in str(statement.get("Resource", "")):
        # On the safe side: what cannot be judged allows nothing, and denies.
        log.warning("an IAM statement with %s is not emulated by the local stack", ", ".join(unknown) or "variables")
        return statement.get("Effect") == "Deny"
    return True


def _speaks_of(statement: Mapping[str, Any], name: str, text: str) -> bool:
    """Actions are compared without regard to case, resources with it."""
    fold = str.lower if name == "Action" else str
    for member in (name, f"Not{name}"):
        if member in statement:
            value = statement[member]
            patterns = [value] if isinstance(value, str) else value
            found = any(matches(fold(pattern), fold(text)) for pattern in patterns)
            return found == (member == name)
    return False
