"""Whether the policy of a Lambda authorizer allows a method.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

ACTION = "execute-api:Invoke"


class PolicyMalformed(ValueError):
    """API Gateway answers 500 AUTHORIZER_CONFIGURATION_ERROR to such a policy."""


def is_allowed(document: Any, method_arn: str) -> bool:
    """An explicit Deny wins, and what no statement allows is denied. Raises `PolicyMalformed`."""
    if not isinstance(document, Mapping):
        raise PolicyMalformed("policyDocument is missing or no object")
    statements = document.get("Statement")
    if isinstance(statements, Mapping):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise PolicyMalformed("policyDocument has no Statement")
    effects = {_effect(statement) for statement in statements if _applies(statement, method_arn)}
    return "Deny" not in effects and "Allow" in effects


def _effect(statement: Any) -> str:
    effect = statement.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise PolicyMalformed(f"the Effect {effect!r} is neither Allow nor Deny")
    return str(effect)


def _applies(statement: Any, method_arn: str) -> bool:
    if not isinstance(statement, Mapping):
        raise PolicyMalformed("a statement is no object")
    for name in ("Condition", "NotAction", "NotResource", "Principal"):
        if name in statement:
            raise PolicyMalformed(f"{name} is not understood here")
    actions = _patterns(statement, "Action")
    resources = _patterns(statement, "Resource")
    # Actions are compared without regard to case, resources with it.
    action_matches = any(matches(pattern.lower(), ACTION.lower()) for pattern in actions)
    return action_matches and any(matches(pattern, method_arn) for pattern in resources)


def _patterns(statement: Mapping[str, Any], name: str) -> list[str]:
    value = statement.get(name)
    patterns = [value] if isinstance(value, str) else value
    if not isinstance(patterns, list) or not patterns or not all(isinstance(pattern, str) for pattern in patterns):
        raise PolicyMalformed(f"{name} is no text or list of texts")
    return patterns


def matches(pattern: str, text: str) -> bool:
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    """`*` is any run of characters, slashes included; `?` is any one."""
    translated = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)
    return re.compile(translated, re.DOTALL)
