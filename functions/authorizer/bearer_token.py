"""Whether a JWT was made by our issuer, for us, and is still good; until then nothing that it says is believed."""

import base64
import json
import re
from dataclasses import dataclass
from typing import Any

from authorizer.credential import BearerToken, TokenRefused
from authorizer.settings import TokenSettings
from authorizer.signing_keys import SigningKeys

LEEWAY_S = 30  # how far the issuer's clock may be off
LONGEST_SUBJECT = 255

_SHAPE = re.compile(r"([\w-]+)\.([\w-]+)\.[\w-]+", re.ASCII)  # no padding, no fourth part, none empty
# Identity tokens, and access tokens as RFC 9068 has them. What else an issuer signs (a logout, say) signs nobody in.
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_REQUIRED = ["exp", "iss", "aud", "sub"]
_REASONS = {
    "ExpiredSignatureError": "expired",
    "ImmatureSignatureError": "not_yet_valid",
    "InvalidAudienceError": "audience",
    "InvalidIssuerError": "issuer",
    "InvalidSignatureError": "signature",
    "MissingRequiredClaimError": "claim_missing",
}


@dataclass(frozen=True)
class Claims:
    """Whom a token speaks of; `good_until` is in seconds since 1970, the leeway included."""

    subject: str
    good_until: float


class TokenCheck:
    """Checks tokens of one issuer."""

    def __init__(self, settings: TokenSettings, keys: SigningKeys) -> None:
        self.issuer = settings.issuer
        self._settings = settings
        self._keys = keys

    def __call__(self, token: BearerToken) -> Claims:
        """Raises TokenRefused, or Unavailable where the issuer's keys were never to be had."""
        import jwt

        shape = _SHAPE.fullmatch(token.text)
        if shape is None:
            raise TokenRefused("malformed")
        header, claims = _object(shape[1]), _object(shape[2])
        key = self._keys.find(self._key_id(header))
        if key is None:
            raise TokenRefused("unknown_key_id")
        try:
            jwt.decode(
                token.text,
                key,
                algorithms=self._settings.algorithms,
                issuer=self._settings.issuer,
                audience=self._settings.audience,
                leeway=LEEWAY_S,
                options={"require": _REQUIRED, "enforce_minimum_key_length": True},
            )
        except jwt.PyJWTError as error:
            # The library's own texts may quote the token.
            raise TokenRefused(_REASONS.get(type(error).__name__, "invalid")) from None
        return _claims(claims)

    def _key_id(self, header: dict[str, Any]) -> str:
        """The key's id of a header that we would follow at all. `jku`, `x5u`, `jwk` and such are never read."""
        if header.get("alg") not in self._settings.algorithms:
            raise TokenRefused("algorithm")
        if "crit" in header:
            raise TokenRefused("critical")
        if str(header.get("typ", "jwt")).lower() not in _TYPES:
            raise TokenRefused("type")
        key_id = header.get("kid")
        if not isinstance(key_id, str):
            raise TokenRefused("no_key_id")
        return key_id


def _claims(claims: dict[str, Any]) -> Claims:
    """Of a payload whose signature and required claims were found good."""
    if any(type(claims[name]) not in (int, float) for name in ("exp", "nbf", "iat") if name in claims):
        raise TokenRefused("times")
    subject = claims["sub"]
    if not subject.isascii() or not 0 < len(subject) <= LONGEST_SUBJECT:
        raise TokenRefused("subject")
    return Claims(subject, claims["exp"] + LEEWAY_S)


def _object(part: str) -> dict[str, Any]:
    """A part of a token as JSON, without what two parsers may read in two ways."""
    try:
        decoded = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        found = json.loads(decoded, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise TokenRefused("malformed") from None
    if not isinstance(found, dict):
        raise TokenRefused("malformed")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
