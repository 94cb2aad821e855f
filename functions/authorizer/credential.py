"""The one credential that a request carries, and the refusal of everything that could be read in two ways."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

KEY_HEADER, TOKEN_HEADER = "x-api-key", "authorization"
LONGEST_KEY = 200  # ours are a quarter of it; what is longer is not looked at
LONGEST_TOKEN = 8192  # API Gateway takes 10,240 bytes of request line and headers in all

_KEY = re.compile(rf"[!-~]{{1,{LONGEST_KEY}}}")
_BEARER = re.compile(r"bearer ([!-~]+)", re.IGNORECASE)


class Refused(Exception):
    """Lets nobody in. `reason` is a word of ours and never holds anything that was sent."""

    metric = "KeyRefused"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TokenRefused(Refused):
    metric = "TokenRefused"


@dataclass(frozen=True)
class ApiKey:
    text: str = field(repr=False)


@dataclass(frozen=True)
class BearerToken:
    text: str = field(repr=False)


def credential_of(event: Mapping[str, Any]) -> ApiKey | BearerToken:
    """The key or token of a REQUEST authorizer's event, at most of the length allowed.

    Exactly one of the two headers must be there, exactly once, in whatever case: of two, a part in front of us might
    have checked the other one. An empty header counts. Raises Refused.
    """
    keys, tokens = _values(event, KEY_HEADER), _values(event, TOKEN_HEADER)
    if not keys and not tokens:
        raise Refused("missing")
    if len(keys) + len(tokens) > 1:
        raise Refused("ambiguous")
    if keys:
        if not _KEY.fullmatch(keys[0]):
            raise Refused("malformed")
        return ApiKey(keys[0])
    if len(tokens[0]) > LONGEST_TOKEN:
        raise TokenRefused("oversized")
    bearer = _BEARER.fullmatch(tokens[0])
    if bearer is None:
        raise TokenRefused("malformed")
    return BearerToken(bearer[1])


def _values(event: Mapping[str, Any], wanted: str) -> list[str]:
    """Every value of a header. `headers` holds only the last of several, so it is read only where nothing else is."""
    many: Mapping[str, list[str]] = event.get("multiValueHeaders") or {
        name: [value] for name, value in (event.get("headers") or {}).items()
    }
    return [value for name, values in many.items() if name.lower() == wanted for value in values]
