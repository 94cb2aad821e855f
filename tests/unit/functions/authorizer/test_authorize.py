"""From a credential to a principal: what is looked up, what is remembered, and for how long."""

import hashlib
import time
from typing import Any

import pytest

from authorizer.authorize import HOT_READ_GRACE_S, MOST_REMEMBERED, REMEMBERED_S, Authorizer
from authorizer.bearer_token import LEEWAY_S, TokenCheck
from authorizer.credential import ApiKey, BearerToken, Refused, TokenRefused
from authorizer.signing_keys import SigningKeys
from core.errors import Unavailable
from core.principal import Principal, scopes_of
from core.principal_records import PrincipalRecords
from core.roles import Role
from tests.fakes.clock import FakeClock
from tests.unit.functions.authorizer.issuer import SUBJECT, Issuer

KEY = ApiKey("scr_" + "k" * 43)
OPERATOR = Principal("client_1", "key_1", Role.OPERATOR, scopes_of(Role.OPERATOR), "standard")
VIEWER = Principal("client_1", "member_1", Role.VIEWER, scopes_of(Role.VIEWER), "standard")


class FakeRecords(PrincipalRecords):
    """Holds principals by hash and by subject; `asked` counts the look-ups, `away` makes them fail."""

    def __init__(self) -> None:
        self.keys: dict[bytes, Principal] = {}
        self.members: dict[tuple[str, str], Principal] = {}
        self.asked: list[Any] = []
        self.away = False

    def add(self, key: ApiKey, principal: Principal) -> None:
        self.keys[hashlib.sha256(key.text.encode()).digest()] = principal

    def by_key_hash(self, digest: bytes) -> Principal | None:
        self._ask(digest)
        return self.keys.get(digest)

    def by_subject(self, issuer: str, subject: str) -> Principal | None:
        self._ask((issuer, subject))
        return self.members.get((issuer, subject))

    def _ask(self, what: Any) -> None:
        if self.away:
            raise Unavailable("The database is not reachable at the moment.")
        self.asked.append(what)


@pytest.fixture
def clock() -> FakeClock:
    """Starts at the real time, by which tokens are made and checked."""
    clock = FakeClock()
    clock.sleep(time.time() - clock.now())
    return clock


@pytest.fixture
def records() -> FakeRecords:
    records = FakeRecords()
    records.add(KEY, OPERATOR)
    return records


@pytest.fixture
def authorizer(records: FakeRecords, clock: FakeClock) -> Authorizer:
    return Authorizer(records, None, clock.now)


@pytest.fixture
def with_tokens(issuer: Issuer, records: FakeRecords, clock: FakeClock) -> Authorizer:
    records.members[issuer.url, SUBJECT] = VIEWER
    settings = issuer.settings
    return Authorizer(records, TokenCheck(settings, SigningKeys(settings.jwks_url, settings.algorithms)), clock.now)


def test_a_key_is_looked_up_by_its_hash_alone(authorizer: Authorizer, records: FakeRecords) -> None:
    assert authorizer(KEY) == OPERATOR
    assert records.asked == [hashlib.sha256(KEY.text.encode()).digest()]


def test_what_was_found_is_not_asked_for_again(authorizer: Authorizer, records: FakeRecords) -> None:
    assert [authorizer(KEY) for _ in range(10)] == [OPERATOR] * 10
    assert len(records.asked) == 1


def test_a_revoked_key_dies_within_half_a_minute(
    authorizer: Authorizer, records: FakeRecords, clock: FakeClock
) -> None:
    assert authorizer(KEY) == OPERATOR
    records.keys.clear()
    clock.sleep(REMEMBERED_S - 1)
    assert authorizer(KEY) == OPERATOR  # and using it does not make it live longer
    clock.sleep(1)
    with pytest.raises(Refused, match=r"^unknown$"):
        authorizer(KEY)
    assert REMEMBERED_S <= 60


def test_a_changed_role_bites_as_soon(authorizer: Authorizer, records: FakeRecords, clock: FakeClock) -> None:
    authorizer(KEY)
    records.add(KEY, VIEWER)
    clock.sleep(REMEMBERED_S)
    assert authorizer(KEY) == VIEWER


def test_a_clock_set_back_makes_nothing_live_longer(
    authorizer: Authorizer, records: FakeRecords, clock: FakeClock
) -> None:
    authorizer(KEY)
    records.keys.clear()
    clock.sleep(-3600)
    with pytest.raises(Refused):
        authorizer(KEY)


def test_a_database_away_for_a_moment_is_not_noticed(
    authorizer: Authorizer, records: FakeRecords, clock: FakeClock
) -> None:
    authorizer(KEY)
    records.away = True
    assert authorizer(KEY) == OPERATOR
    with pytest.raises(Unavailable):
        authorizer(ApiKey("another"))
    clock.sleep(REMEMBERED_S)
    with pytest.raises(Unavailable):
        authorizer(KEY)


def test_with_hot_reads_a_principal_is_believed_longer_while_the_database_is_away(
    records: FakeRecords, clock: FakeClock
) -> None:
    authorizer = Authorizer(records, None, clock.now, grace_s=HOT_READ_GRACE_S)
    authorizer(KEY)
    records.away = True
    clock.sleep(HOT_READ_GRACE_S - 1)
    assert authorizer(KEY) == OPERATOR  # and being believed does not make it live longer
    with pytest.raises(Unavailable):
        authorizer(ApiKey("another"))
    clock.sleep(1)
    with pytest.raises(Unavailable):
        authorizer(KEY)
    assert HOT_READ_GRACE_S <= 60  # what is revoked dies within it


def test_the_database_has_the_last_word_over_that(records: FakeRecords, clock: FakeClock) -> None:
    authorizer = Authorizer(records, None, clock.now, grace_s=HOT_READ_GRACE_S)
    authorizer(KEY)
    records.keys.clear()
    clock.sleep(REMEMBERED_S)
    with pytest.raises(Refused):
        authorizer(KEY)
    records.away = True
    with pytest.raises(Unavailable):
        authorizer(KEY)  # what was refused once is not believed again


def test_a_token_is_not_believed_beyond_its_own_time(issuer: Issuer, records: FakeRecords, clock: FakeClock) -> None:
    records.members[issuer.url, SUBJECT] = VIEWER
    check = TokenCheck(issuer.settings, SigningKeys(issuer.settings.jwks_url, issuer.settings.algorithms))
    authorizer = Authorizer(records, check, clock.now, grace_s=HOT_READ_GRACE_S)
    token = BearerToken(issuer.token(exp=int(clock.now()) + 60 - LEEWAY_S))
    authorizer(token)
    records.away = True
    clock.sleep(50)
    assert authorizer(token) == VIEWER
    clock.sleep(11)
    with pytest.raises(Unavailable):
        authorizer(token)


def test_refusals_are_not_remembered(authorizer: Authorizer, records: FakeRecords) -> None:
    """A key works from the moment it exists, and nobody fills the memory with made-up ones."""
    new = ApiKey("new")
    with pytest.raises(Refused):
        authorizer(new)
    records.add(new, OPERATOR)
    assert authorizer(new) == OPERATOR


def test_memory_is_bounded_and_gives_up_the_oldest(authorizer: Authorizer, records: FakeRecords) -> None:
    keys = [ApiKey(f"key-{number}") for number in range(MOST_REMEMBERED + 1)]
    for key in keys:
        records.add(key, OPERATOR)
        authorizer(key)
    assert len(authorizer._remembered) == MOST_REMEMBERED
    records.asked.clear()
    authorizer(keys[-1])
    assert records.asked == []
    authorizer(keys[0])
    assert len(records.asked) == 1


def test_neither_key_nor_token_is_kept(with_tokens: Authorizer, issuer: Issuer) -> None:
    token = BearerToken(issuer.token())
    with_tokens(KEY)
    with_tokens(token)
    kept = repr(vars(with_tokens))
    assert KEY.text not in kept
    assert token.text not in kept
    assert token.text.split(".")[2] not in kept


def test_a_token_stands_for_the_member_of_our_records(
    with_tokens: Authorizer, records: FakeRecords, issuer: Issuer
) -> None:
    """Its role comes from there, whatever the token says of roles."""
    assert with_tokens(BearerToken(issuer.token(role="admin"))) == VIEWER
    assert records.asked == [(issuer.url, SUBJECT)]


def test_a_token_of_nobody_we_know_is_refused(with_tokens: Authorizer, issuer: Issuer) -> None:
    with pytest.raises(TokenRefused, match=r"^no_member$"):
        with_tokens(BearerToken(issuer.token(sub="somebody-else")))


def test_a_token_is_checked_once_in_half_a_minute(
    with_tokens: Authorizer, records: FakeRecords, issuer: Issuer, clock: FakeClock
) -> None:
    token = BearerToken(issuer.token())
    assert [with_tokens(token) for _ in range(3)] == [VIEWER] * 3
    assert len(records.asked) == 1
    records.members.clear()
    clock.sleep(REMEMBERED_S)
    with pytest.raises(TokenRefused, match=r"^no_member$"):
        with_tokens(token)


def test_memory_does_not_outlive_the_token(
    with_tokens: Authorizer, records: FakeRecords, issuer: Issuer, clock: FakeClock
) -> None:
    token = BearerToken(issuer.token(exp=int(clock.now()) + 10 - LEEWAY_S))
    assert with_tokens(token) == VIEWER
    clock.sleep(11)
    with_tokens(token)
    assert len(records.asked) == 2, "it was looked at anew, and by the real clock it is still good"


def test_a_remembered_token_is_no_key(with_tokens: Authorizer, issuer: Issuer) -> None:
    token = issuer.token()
    with_tokens(BearerToken(token))
    with pytest.raises(Refused, match=r"^unknown$"):
        with_tokens(ApiKey(token))


def test_without_an_issuer_every_token_is_refused(authorizer: Authorizer, records: FakeRecords, issuer: Issuer) -> None:
    with pytest.raises(TokenRefused, match=r"^off$"):
        authorizer(BearerToken(issuer.token()))
    assert records.asked == []
    assert issuer.fetched == []


def test_an_issuer_that_never_answered_is_not_the_tokens_fault(
    with_tokens: Authorizer, issuer: Issuer, records: FakeRecords
) -> None:
    issuer.status = 503
    with pytest.raises(Unavailable):
        with_tokens(BearerToken(issuer.token()))
    assert with_tokens(KEY) == OPERATOR
