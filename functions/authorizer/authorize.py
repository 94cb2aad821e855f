"""From a credential to the principal it stands for, remembered for half a minute."""

import hashlib
import time
from collections.abc import Callable

from authorizer.bearer_token import TokenCheck
from authorizer.credential import ApiKey, BearerToken, Refused, TokenRefused
from core.principal import Principal
from core.principal_records import PrincipalRecords

REMEMBERED_S = 30.0  # what is revoked dies within it, and a database that is away for less is not noticed
MOST_REMEMBERED = 1000

Remembered = tuple[type, bytes]


class Authorizer:
    """`tokens` is None where JWT sign-in is off. `clock` gives seconds since 1970: a frozen process's other clocks may
    stand still, and what was revoked meanwhile would live on."""

    def __init__(
        self, records: PrincipalRecords, tokens: TokenCheck | None, clock: Callable[[], float] = time.time
    ) -> None:
        self._records = records
        self._tokens = tokens
        self._clock = clock
        self._remembered: dict[Remembered, tuple[Principal, float, float]] = {}

    def __call__(self, credential: ApiKey | BearerToken) -> Principal:
        """Raises Refused, or Unavailable where it can't be told at the moment."""
        digest = hash_credential(credential.text)
        principal = self._recall((type(credential), digest))
        if principal is not None:
            return principal
        if isinstance(credential, ApiKey):
            principal, good_until = self._of_key(digest), float("inf")
        else:
            principal, good_until = self._of_token(credential)
        self._remember((type(credential), digest), principal, good_until)
        return principal

    def _of_key(self, digest: bytes) -> Principal:
        principal = self._records.by_key_hash(digest)
        if principal is None:
            # Unknown, expired, revoked, its client disabled: the answer does not tell which.
            raise Refused("unknown")
        return principal

    def _of_token(self, token: BearerToken) -> tuple[Principal, float]:
        if self._tokens is None:
            raise TokenRefused("off")
        claims = self._tokens(token)
        principal = self._records.by_subject(self._tokens.issuer, claims.subject)
        if principal is None:
            raise TokenRefused("no_member")
        return principal, claims.good_until

    def _recall(self, key: Remembered) -> Principal | None:
        if key not in self._remembered:
            return None
        principal, since, until = self._remembered[key]
        if since <= self._clock() < until:  # a clock that was set back makes nothing live longer
            return principal
        del self._remembered[key]
        return None

    def _remember(self, key: Remembered, principal: Principal, good_until: float) -> None:
        now = self._clock()
        while len(self._remembered) >= MOST_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]  # the oldest: entries stand in the order they came
        self._remembered[key] = principal, now, min(now + REMEMBERED_S, good_until)


def hash_credential(text: str) -> bytes:
    """SHA-256, 32 bytes. A key is 256 random bits, so a slow, salted hash would add nothing an attacker notices."""
    return hashlib.sha256(text.encode()).digest()
