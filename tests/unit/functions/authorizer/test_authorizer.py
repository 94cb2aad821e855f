"""The authorizer: a live key becomes a principal and a policy, every other one `Unauthorized`."""

import hashlib
from typing import Any

import pytest

from authorizer import app
from authorizer.authorize import LONGEST_KEY, authorize, hash_key
from core.errors import Unavailable
from tests.fakes.api_gateway import FakeContext, authorizer_event
from tests.fakes.database import FakeDatabase

KEY = "sk_" + "k" * 48
ROW = {"key_id": "key_1", "key_hash": hash_key(KEY), "client_id": "client-a", "role": "inspector", "plan": "standard"}


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> FakeDatabase:
    fake = FakeDatabase([ROW])
    monkeypatch.setattr(app, "database", lambda: fake)
    return fake


def call(headers: dict[str, str]) -> dict[str, Any]:
    """The handler with its metrics published, as Lambda runs it."""
    return app.handler.__wrapped__.__wrapped__(authorizer_event(headers), FakeContext())  # type: ignore[attr-defined, no-any-return]


def test_principal(database: FakeDatabase) -> None:
    answer = call({"x-api-key": KEY})
    assert answer["principalId"] == "client-a"
    assert answer["usageIdentifierKey"] == "key_1"
    assert answer["context"] == {
        "client_id": "client-a",
        "key_id": "key_1",
        "role": "inspector",
        "plan": "standard",
    }
    assert KEY not in str(answer)


def test_policy_covers_exactly_what_a_principal_may_call(database: FakeDatabase) -> None:
    """Whatever route it was asked for: API Gateway keeps it for the key's other calls."""
    answers = [
        app.handler.__wrapped__.__wrapped__(authorizer_event({"x-api-key": KEY}, path), FakeContext())  # type: ignore[attr-defined]
        for path in ("GET/v1/inspections", "POST/v1/inspections", "DELETE/v1/anything")
    ]
    assert answers[0] == answers[1] == answers[2]
    (statement,) = answers[0]["policyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "execute-api:Invoke")
    base = "arn:aws:execute-api:eu-west-1:123456789012:api/dev"
    assert sorted(statement["Resource"]) == sorted(
        f"{base}/{method}/v1/inspections{tail}" for method in ("GET", "POST") for tail in ("", "/*")
    )


@pytest.mark.parametrize("name", ["x-api-key", "X-API-Key", "X-Api-Key"])
def test_header_in_any_case(database: FakeDatabase, name: str) -> None:
    assert call({name: KEY})["principalId"] == "client-a"


def test_looked_up_by_hash_alone(database: FakeDatabase) -> None:
    call({"x-api-key": KEY})
    ((statement, values),) = database.executed
    assert values == (hashlib.sha256(KEY.encode()).digest(),)
    assert KEY not in statement


@pytest.mark.parametrize(
    "headers",
    [{}, {"x-api-key": ""}, {"x-api-key": "x" * (LONGEST_KEY + 1)}, {"authorization": KEY}],
    ids=["no header", "empty", "endless", "another header"],
)
def test_missing_key_is_refused_without_a_look(database: FakeDatabase, headers: dict[str, str]) -> None:
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        call(headers)
    assert database.executed == []


@pytest.mark.parametrize("key", [KEY + "x", KEY[:-1], "' OR 1=1 --", "ключ", "\x00"])
def test_wrong_key_is_refused_even_if_a_row_came_back(database: FakeDatabase, key: str) -> None:
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        call({"x-api-key": key})


def test_unknown_key_is_refused(database: FakeDatabase) -> None:
    database.rows = []
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        call({"x-api-key": KEY})


def test_database_away_is_not_unauthorized(database: FakeDatabase) -> None:
    """API Gateway answers 500 and keeps nothing; a 401 would send clients to ask for new keys."""
    database.away = True
    with pytest.raises(Unavailable):
        call({"x-api-key": KEY})


def test_key_is_only_kept_as_its_hash() -> None:
    assert hash_key(KEY) == hashlib.sha256(KEY.encode()).digest()
    assert authorize(FakeDatabase([ROW | {"key_hash": bytes(32)}]), KEY) is None
