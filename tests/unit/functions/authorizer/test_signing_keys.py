"""The issuer's keys: fetched seldom, bounded, and kept when the issuer is away."""

import io
import time
from collections.abc import Callable

import pytest

from authorizer import signing_keys
from authorizer.signing_keys import COOLDOWN_S, FIRST_PAUSE_S, LARGEST_BYTES, REFRESH_S, SigningKeys
from core.errors import Unavailable
from tests.fakes.clock import FakeClock
from tests.unit.functions.authorizer.issuer import Issuer, ec_entry, rsa_entry


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def keys(issuer: Issuer, clock: FakeClock) -> SigningKeys:
    return SigningKeys(issuer.settings.jwks_url, issuer.settings.algorithms, clock.now)


def found(keys: SigningKeys, key_id: str) -> bool:
    return keys.find(key_id) is not None


def test_one_fetch_serves_all_keys(keys: SigningKeys, issuer: Issuer) -> None:
    assert found(keys, "rsa-1")
    assert found(keys, "ec-1")
    assert issuer.fetched == ["/jwks.json"]


def test_ten_thousand_unknown_keys_cost_one_fetch_a_cooldown(
    keys: SigningKeys, issuer: Issuer, clock: FakeClock
) -> None:
    assert found(keys, "rsa-1")
    for number in range(10_000):
        assert not found(keys, f"made-up-{number}")
        clock.sleep(5 * COOLDOWN_S / 10_000)
    # The first fetch, and one after each of the five cooldowns that passed, give or take the last.
    assert len(issuer.fetched) in (5, 6)


def test_ten_thousand_unknown_keys_at_once_cost_nothing_more(keys: SigningKeys, issuer: Issuer) -> None:
    for number in range(10_000):
        assert not found(keys, f"made-up-{number}")
    assert len(issuer.fetched) == 1


def test_a_rotated_key_is_found_within_the_cooldown(keys: SigningKeys, issuer: Issuer, clock: FakeClock) -> None:
    assert found(keys, "rsa-1")
    issuer.publish(rsa_entry("rsa-2"), rsa_entry("rsa-1"))
    assert not found(keys, "rsa-2")
    clock.sleep(COOLDOWN_S)
    assert found(keys, "rsa-2")
    assert found(keys, "rsa-1")


def test_a_withdrawn_key_dies_at_the_next_refresh(keys: SigningKeys, issuer: Issuer, clock: FakeClock) -> None:
    assert found(keys, "rsa-1")
    issuer.publish(rsa_entry("rsa-2"))
    clock.sleep(REFRESH_S - 1)
    assert found(keys, "rsa-1")
    clock.sleep(1)
    assert not found(keys, "rsa-1")


def test_a_clock_that_was_set_back_does_not_keep_a_withdrawn_key(
    keys: SigningKeys, issuer: Issuer, clock: FakeClock
) -> None:
    assert found(keys, "rsa-1")
    issuer.publish(rsa_entry("rsa-2"))
    clock.sleep(-1)
    assert not found(keys, "rsa-1")


def fails(issuer: Issuer) -> None:
    issuer.status = 500


def redirects(issuer: Issuer) -> None:
    issuer.status, issuer.headers = 302, {"Location": f"{issuer.url}/elsewhere"}


def sends_nonsense(issuer: Issuer) -> None:
    issuer.body = b"<html>"


def sends_a_list(issuer: Issuer) -> None:
    issuer.body = b"[]"


def sends_brackets(issuer: Issuer) -> None:
    issuer.body = b"[" * 100_000


def sends_no_keys(issuer: Issuer) -> None:
    issuer.publish()


def sends_unusable_keys(issuer: Issuer) -> None:
    issuer.publish(
        {"kty": "RSA", "kid": "a", "use": "sig"},
        {"kty": "RSA", "kid": "b", "n": 1, "e": "AQAB"},
        {"kty": "EC", "kid": "c", "crv": "P-0", "x": "AA", "y": "AA"},
        {"kty": ["RSA"], "kid": "d"},
        {"kty": "oct", "kid": "e", "k": "c2VjcmV0"},
        rsa_entry("f", alg="none"),
        rsa_entry("g", kid=7),
        {},
    )


def sends_too_much(issuer: Issuer) -> None:
    issuer.body += b" " * LARGEST_BYTES


BROKEN: list[Callable[[Issuer], None]] = [
    fails,
    redirects,
    sends_nonsense,
    sends_a_list,
    sends_brackets,
    sends_no_keys,
    sends_unusable_keys,
    sends_too_much,
]


@pytest.mark.parametrize("break_it", BROKEN, ids=lambda break_it: break_it.__name__)
def test_the_last_good_copy_serves_while_the_issuer_is_broken(
    break_it: Callable[[Issuer], None], keys: SigningKeys, issuer: Issuer, clock: FakeClock, logged: io.StringIO
) -> None:
    assert found(keys, "rsa-1")
    break_it(issuer)
    clock.sleep(REFRESH_S)
    for _ in range(100):
        assert found(keys, "rsa-1")
        assert not found(keys, "made-up")
    assert issuer.fetched == ["/jwks.json"] * 2
    assert "signing keys not fetched" in logged.getvalue()


@pytest.mark.parametrize("break_it", BROKEN, ids=lambda break_it: break_it.__name__)
def test_without_any_copy_nobody_can_tell(
    break_it: Callable[[Issuer], None], keys: SigningKeys, issuer: Issuer, clock: FakeClock
) -> None:
    """503 and not 401: the token may well be good."""
    good = issuer.body
    break_it(issuer)
    for _ in range(10):
        with pytest.raises(Unavailable):
            keys.find("rsa-1")
    assert issuer.fetched == ["/jwks.json"]
    issuer.status, issuer.headers, issuer.body = 200, {}, good
    clock.sleep(FIRST_PAUSE_S)
    assert found(keys, "rsa-1")


def test_an_issuer_that_is_gone(issuer: Issuer, clock: FakeClock) -> None:
    keys = SigningKeys(issuer.settings.jwks_url, issuer.settings.algorithms, clock.now)
    assert found(keys, "rsa-1")
    keys._url = "http://127.0.0.1:1/jwks.json"  # where nobody listens
    clock.sleep(REFRESH_S)
    assert found(keys, "rsa-1")
    with pytest.raises(Unavailable):
        SigningKeys("http://127.0.0.1:1/jwks.json", ("RS256",), clock.now).find("rsa-1")


def test_a_slow_answer_is_given_up(keys: SigningKeys, issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time, all of them never would."""
    monkeypatch.setattr(signing_keys, "FETCH_LIMIT_S", 0.2)
    issuer.drip_s = 0.05
    started = time.monotonic()
    with pytest.raises(Unavailable):
        keys.find("rsa-1")
    assert time.monotonic() - started < 10


def test_unusable_keys_do_not_hide_a_usable_one(keys: SigningKeys, issuer: Issuer) -> None:
    issuer.publish({"kty": "RSA", "kid": "broken"}, ec_entry("ec-1"), rsa_entry("enc", use="enc"))
    assert found(keys, "ec-1")
    assert not found(keys, "broken")
    assert not found(keys, "enc")
