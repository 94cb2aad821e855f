"""Who a key or a member is, by a real database: alive, expired, revoked, rotated, disabled, and by its clock alone."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from core.database import Database
from core.errors import Unavailable
from core.principal import Principal, scopes_of
from core.principal_records import IAM, PrincipalRecords
from core.roles import Action, Role
from core.settings import DatabaseSettings

CLIENT = "client_of_keys"
ISSUER, SUBJECT = "https://issuer.example/", "user-1"
ARN = "arn:aws:iam::123456789012:role/Hub"


@pytest.fixture
def records(database: Database) -> PrincipalRecords:
    database.execute(
        "INSERT INTO clients (client_id, name, plan, created_at) VALUES (%s, 'c', 'standard', UTC_TIMESTAMP(6))",
        (CLIENT,),
    )
    return PrincipalRecords(database)


def digest(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def add_key(
    database: Database,
    name: str = "key_1",
    *,
    role: str = "operator",
    scopes: str | None = None,
    expires_in: timedelta | None = None,
    revoked_in: timedelta | None = None,
) -> bytes:
    """A key whose times are counted from the database's now; its hash."""
    database.execute(
        "INSERT INTO api_keys (key_id, client_id, name, key_hash, role, scopes, created_at, expires_at, revoked_at)"
        " VALUES (%s, %s, 'k', %s, %s, %s, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) + INTERVAL %s MICROSECOND,"
        " UTC_TIMESTAMP(6) + INTERVAL %s MICROSECOND)",
        (name, CLIENT, digest(name), role, scopes, microseconds(expires_in), microseconds(revoked_in)),
    )
    return digest(name)


def microseconds(time: timedelta | None) -> int | None:
    return None if time is None else int(time.total_seconds() * 1_000_000)


def add_member(database: Database, issuer: str, subject: str, *, role: str = "viewer", name: str = "member_1") -> None:
    database.execute(
        "INSERT INTO members (member_id, client_id, name, issuer, subject, role, created_at)"
        " VALUES (%s, %s, 'm', %s, %s, %s, UTC_TIMESTAMP(6))",
        (name, CLIENT, issuer, subject, role),
    )


def last_used(database: Database) -> object:
    row = database.one("SELECT last_used_at FROM api_keys")
    assert row is not None
    return row["last_used_at"]


def disable_client(database: Database) -> None:
    database.execute("UPDATE clients SET disabled_at = UTC_TIMESTAMP(6) WHERE client_id = %s", (CLIENT,))


@pytest.mark.parametrize("role", list(Role))
def test_a_key_has_what_its_role_may(records: PrincipalRecords, database: Database, role: Role) -> None:
    found = records.by_key_hash(add_key(database, role=role.value))
    assert found == Principal(CLIENT, "key_1", role, scopes_of(role), "standard")


def test_scopes_narrow_and_never_widen(records: PrincipalRecords, database: Database) -> None:
    found = records.by_key_hash(
        add_key(database, role="viewer", scopes='["inspections:read", "plans:manage", "a-scope-of-next-year"]')
    )
    assert found is not None
    assert found.scopes == {Action.READ_INSPECTIONS}


def test_no_scopes_are_none_at_all(records: PrincipalRecords, database: Database) -> None:
    found = records.by_key_hash(add_key(database, scopes="[]"))
    assert found is not None
    assert found.scopes == frozenset()


@pytest.mark.parametrize(
    ("expires_in", "revoked_in", "lives"),
    [
        (None, None, True),
        (timedelta(hours=1), None, True),
        (-timedelta(seconds=1), None, False),
        (None, -timedelta(seconds=1), False),
        # Rotation: the old key works on until its revocation comes.
        (None, timedelta(hours=1), True),
        (timedelta(hours=1), timedelta(hours=2), True),
        (-timedelta(seconds=1), timedelta(hours=1), False),
        (timedelta(hours=1), -timedelta(seconds=1), False),
    ],
)
def test_times_of_a_key(
    records: PrincipalRecords,
    database: Database,
    expires_in: timedelta | None,
    revoked_in: timedelta | None,
    lives: bool,
) -> None:
    key = add_key(database, expires_in=expires_in, revoked_in=revoked_in)
    assert (records.by_key_hash(key) is not None) == lives


def test_both_keys_of_a_rotation_work_until_the_old_ones_time_is_up(
    records: PrincipalRecords, database: Database
) -> None:
    old, new = add_key(database, "old", revoked_in=timedelta(hours=24)), add_key(database, "new")
    assert records.by_key_hash(old) is not None
    assert records.by_key_hash(new) is not None
    database.execute("UPDATE api_keys SET revoked_at = UTC_TIMESTAMP(6) WHERE key_id = 'old'")
    assert records.by_key_hash(old) is None
    assert records.by_key_hash(new) is not None


def test_a_disabled_client_has_neither_keys_nor_members(records: PrincipalRecords, database: Database) -> None:
    key = add_key(database)
    add_member(database, ISSUER, SUBJECT)
    disable_client(database)
    assert records.by_key_hash(key) is None
    assert records.by_subject(ISSUER, SUBJECT) is None


@pytest.mark.parametrize("other", [b"", bytes(32), digest("unknown"), digest("key_1")[:-1], digest("key_1") + b"\0"])
def test_unknown_hashes(records: PrincipalRecords, database: Database, other: bytes) -> None:
    add_key(database)
    assert records.by_key_hash(other) is None


def test_a_key_of_a_client_that_is_gone(
    records: PrincipalRecords, database: Database, tamper: Callable[..., None]
) -> None:
    key = add_key(database)
    tamper("DELETE FROM clients WHERE client_id = %s", (CLIENT,))
    assert records.by_key_hash(key) is None


def test_use_is_noted_to_the_minute(records: PrincipalRecords, database: Database) -> None:
    key = add_key(database)
    assert last_used(database) is None
    records.by_key_hash(key)
    first = last_used(database)
    assert first is not None
    records.by_key_hash(key)
    assert last_used(database) == first
    database.execute("UPDATE api_keys SET last_used_at = last_used_at - INTERVAL 61 SECOND")
    records.by_key_hash(key)
    assert last_used(database) > first  # type: ignore[operator]


def test_a_refused_key_is_not_used(records: PrincipalRecords, database: Database) -> None:
    assert records.by_key_hash(add_key(database, revoked_in=-timedelta(seconds=1))) is None
    assert last_used(database) is None


def test_a_database_that_can_only_be_read_still_knows_its_keys(
    records: PrincipalRecords, database: Database, tamper: Callable[..., None]
) -> None:
    key = add_key(database)
    read_only = "CREATE TRIGGER read_only BEFORE UPDATE ON api_keys FOR EACH ROW SIGNAL SQLSTATE 'HY000'"
    tamper(f"{read_only} SET MYSQL_ERRNO = 1290")
    try:
        found = records.by_key_hash(key)
    finally:
        tamper("DROP TRIGGER read_only")
    assert found is not None
    assert last_used(database) is None


def test_a_member_is_known_by_issuer_and_subject_together(records: PrincipalRecords, database: Database) -> None:
    add_member(database, ISSUER, SUBJECT, role="reviewer")
    assert records.by_subject(ISSUER, SUBJECT) == Principal(
        CLIENT, "member_1", Role.REVIEWER, scopes_of(Role.REVIEWER), "standard"
    )


@pytest.mark.parametrize(
    ("issuer", "subject"),
    [
        ("https://other.example/", SUBJECT),
        (ISSUER.upper(), SUBJECT),
        (ISSUER, "User-1"),
        (ISSUER, "user-1 "),
        (f"{ISSUER} ", SUBJECT),
        (ISSUER, ""),
        (ISSUER, "%"),
        (ISSUER, "user-1' OR '1'='1"),
        (IAM, SUBJECT),
    ],
)
def test_nearly_the_same_is_somebody_else(
    records: PrincipalRecords, database: Database, issuer: str, subject: str
) -> None:
    add_member(database, ISSUER, SUBJECT)
    assert records.by_subject(issuer, subject) is None


@pytest.mark.parametrize(
    ("arn", "known"),
    [
        (ARN, True),
        ("arn:aws:sts::123456789012:assumed-role/Hub/i-0123456789", True),
        ("arn:aws:sts::123456789012:assumed-role/Hub/a/b", True),
        ("arn:aws:sts::210987654321:assumed-role/Hub/session", False),
        ("arn:aws:sts::123456789012:assumed-role/Other/Hub", False),
        ("arn:aws:sts::123456789012:assumed-role/Hub", False),
        ("arn:aws-cn:sts::123456789012:assumed-role/Hub/session", False),
        ("arn:aws:iam::123456789012:user/Hub", False),
        ("arn:aws:iam::123456789012:role/hub", False),
        (f"{ARN} ", False),
        ("", False),
    ],
)
def test_a_machine_is_known_by_its_role(records: PrincipalRecords, database: Database, arn: str, known: bool) -> None:
    add_member(database, IAM, ARN)
    assert (records.by_arn(arn) is not None) == known


def test_an_arn_as_the_subject_of_a_token_is_no_machine(records: PrincipalRecords, database: Database) -> None:
    add_member(database, IAM, ARN)
    assert records.by_subject(ISSUER, ARN) is None


def test_a_database_that_is_away_knows_nobody(settings: DatabaseSettings) -> None:
    records = PrincipalRecords(Database(replace(settings, port=1)))
    with pytest.raises(Unavailable):
        records.by_key_hash(digest("key_1"))
    with pytest.raises(Unavailable):
        records.by_subject(ISSUER, SUBJECT)
