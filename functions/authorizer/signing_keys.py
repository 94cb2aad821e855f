"""The issuer's public keys: fetched seldom, kept when it is away, never from an address that a token names."""

import json
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from core.errors import Unavailable
from core.observability import logger, metrics

if TYPE_CHECKING:
    from jwt import PyJWK

# Seconds since the last try, successful or not, after which the keys are fetched again.
REFRESH_S = 600.0  # for a key that is known: so long may one that the issuer has withdrawn still be good
COOLDOWN_S = 60.0  # for one that is not: a flood of made-up key ids costs the issuer one request a minute
FIRST_PAUSE_S = 5.0  # while there is no copy at all, and nobody can sign in

FETCH_LIMIT_S, STEP_LIMIT_S = 3.0, 2.0
LARGEST_BYTES, MOST_KEYS = 150_000, 100
CHUNK_BYTES = 16_384
PUBLIC_KEY_TYPES = ("RSA", "EC", "OKP")


class NotFetched(Exception):
    """The issuer is away, or what it answered holds no key for us."""


class SigningKeys:
    """The keys at `url` by key id. `clock` gives seconds since 1970: a frozen process's other clocks may stand."""

    def __init__(self, url: str, algorithms: Collection[str], clock: Callable[[], float] = time.time) -> None:
        self._url = url
        self._algorithms = algorithms
        self._clock = clock
        self._keys: dict[str, PyJWK] = {}
        self._tried_at = float("-inf")

    def find(self, key_id: str) -> "PyJWK | None":
        """The key of that id; None if the issuer has none. Raises Unavailable if there never was an answer."""
        now = self._clock()
        if not self._tried_at <= now < self._tried_at + self._pause_s(key_id):
            self._tried_at = now
            self._refresh()
        if not self._keys:
            raise Unavailable("The issuer's keys are not known at the moment.", retry_after_s=5)
        return self._keys.get(key_id)

    def _pause_s(self, key_id: str) -> float:
        if not self._keys:
            return FIRST_PAUSE_S
        return REFRESH_S if key_id in self._keys else COOLDOWN_S

    def _refresh(self) -> None:
        try:
            self._keys = _usable(_fetch(self._url), self._algorithms)
        except NotFetched as error:
            metrics.add_metric("SigningKeysNotFetched", "Count", 1)
            logger.warning("signing keys not fetched", extra={"reason": str(error)})


def _fetch(url: str) -> bytes:
    """The body of a 200, bounded in time and size; no redirect is followed. Raises NotFetched."""
    import urllib3

    ends_at = time.monotonic() + FETCH_LIMIT_S
    body = bytearray()
    try:
        with (
            urllib3.PoolManager(timeout=STEP_LIMIT_S, retries=False) as pool,
            pool.request("GET", url, redirect=False, preload_content=False) as response,
        ):
            if response.status != 200:
                raise NotFetched(f"status {response.status}")
            while chunk := response.read1(CHUNK_BYTES, decode_content=False):
                body += chunk
                if len(body) > LARGEST_BYTES:
                    raise NotFetched("too large")
                if time.monotonic() > ends_at:
                    raise NotFetched("too slow")
    except urllib3.exceptions.HTTPError as error:
        raise NotFetched(type(error).__name__) from error
    return bytes(body)


def _usable(document: bytes, algorithms: Collection[str]) -> "dict[str, PyJWK]":
    """Public signing keys with an id, for the algorithms allowed. Raises NotFetched if there is none."""
    from jwt import PyJWK, PyJWTError

    try:
        listed = json.loads(document)["keys"][:MOST_KEYS]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NotFetched("not a set of keys") from error
    found = {}
    for entry in listed:
        if not isinstance(entry, dict) or not _may_be_usable(entry, algorithms):
            continue
        with suppress(PyJWTError):
            key = PyJWK(entry)
            if key.algorithm_name in algorithms:  # told from its type where `alg` is missing
                found[entry["kid"]] = key
    if not found:
        raise NotFetched("no usable key")
    return found


def _may_be_usable(entry: Mapping[str, Any], algorithms: Collection[str]) -> bool:
    return (
        isinstance(entry.get("kid"), str)
        and entry.get("kty") in PUBLIC_KEY_TYPES
        and entry.get("use", "sig") == "sig"
        and entry.get("alg") in (None, *algorithms)
    )
