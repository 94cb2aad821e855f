"""From a credential to the principal it stands for, remembered for half a minute."""

import hashlib
import time
from collections.abc import Callable

from authorizer.bearer_token import TokenCheck
from authorizer.credential import ApiKey, BearerToken, Refused, TokenRefused
from core.errors import Unavailable
from core.principal import Principal
from core.principal_records import PrincipalRecords

REMEMBERED_S = 30.0  # what is revoked dies within it, and a database that is away for less is not noticed
HOT_READ_GRACE_S = 60.0  # with hot reads: as long as a failover takes, and the longest that what is revoked may live
MOST_REMEMBERED = 1000

Remembered = tuple[type, bytes]


class Authorizer:
    """`tokens` is None where JWT sign-in is off. `grace_s`: how long after it was looked up a principal is still
    believed while the database is away; what can be done then is to read results that do not come from there. `clock`
    gives seconds since 1970: a frozen process's other clocks may stand still, and what was revoked meanwhile would
    live on."""

    def __init__(
        self,
        records: PrincipalRecords,
        tokens: TokenCheck | None,
        clock: Callable[[], float] = time.time,
        grace_s: float = 0.0,
    ) -> None:
        self._records = records
        self._tokens = tokens
        self._clock = clock
        self._grace_s = grace_s
        self._remembered: dict[Remembered, tuple[Principal, float, float]] = {}

    def __call__(self, credential: ApiKey | BearerToken) -> Principal:
        """Raises Refused, or Unavailable where it can't be told at the moment."""
        key = type(credential), hash_credential(credential.text)
        principal = self._recall(key, REMEMBERED_S)
        if principal is None:
            principal = self._of_key(key) if isinstance(credential, ApiKey) else self._of_token(key, credential)
        return principal

    def _of_key(self, key: Remembered) -> Principal:
        principal = self._looked_up(key, lambda: self._records.by_key_hash(key[1]), good_until=float("inf"))
        if principal is None:
            # Unknown, expired, revoked, its client disabled: the answer does not tell which.
            raise Refused("unknown")
        return principal

    def _of_token(self, key: Remembered, token: BearerToken) -> Principal:
        if self._tokens is None:
            raise TokenRefused("off")
        issuer, claims = self._tokens.issuer, self._tokens(token)
        principal = self._looked_up(
            key, lambda: self._records.by_subject(issuer, claims.subject), good_until=claims.good_until
        )
        if principal is None:
            raise TokenRefused("no_member")
        return principal

    def _looked_up(
        self, key: Remembered, look_up: Callable[[], Principal | None], *, good_until: float
    ) -> Principal | None:
        """As the database has it now; while it is away, as it had it a moment ago. Raises Unavailable."""
        try:
            principal = look_up()
        except Unavailable:
            principal = self._recall(key, self._grace_s)
            if principal is None:
                raise
            return principal
        self._remembered.pop(key, None)
        if principal is not None:
            while len(self._remembered) >= MOST_REMEMBERED:
                del self._remembered[next(iter(self._remembered))]  # the oldest: entries stand in the order they came
            self._remembered[key] = principal, self._clock(), good_until
        return principal

    def _recall(self, key: Remembered, within_s: float) -> Principal | None:
        if key not in self._remembered:
            return None
        principal, since, good_until = self._remembered[key]
        # A clock that was set back makes nothing live longer.
        return principal if since <= self._clock() < min(since + within_s, good_until) else None


def hash_credential(text: str) -> bytes:
    """SHA-256, 32 bytes. A key is 256 random bits, so a slow, salted hash would add nothing an attacker notices."""
    return hashlib.sha256(text.encode()).digest()
