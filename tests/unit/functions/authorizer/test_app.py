"""The handler: a live credential becomes a principal and a policy, every other one `Unauthorized`."""

import io
import json
from collections.abc import Mapping
from typing import Any

import pytest

from authorizer import app
from authorizer.authorize import Authorizer, hash_credential
from authorizer.bearer_token import TokenCheck
from authorizer.signing_keys import SigningKeys
from core.errors import Unavailable
from core.principal import scopes_of
from core.principal_records import PrincipalRecords
from core.roles import Role
from tests.fakes.api_gateway import FakeContext, authorizer_event
from tests.fakes.database import FakeDatabase
from tests.unit.functions.authorizer.issuer import SUBJECT, Issuer

# Powertools says so of every call without a metric; in a function the warning is turned off.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

KEY = "scr_" + "k" * 43
KEY_ROW = {
    "actor": "key_1",
    "key_hash": hash_credential(KEY),
    "client_id": "client-a",
    "role": "operator",
    "scopes": None,
    "plan": "standard",
    "stale": 0,
}


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> FakeDatabase:
    fake = FakeDatabase([KEY_ROW])
    authorizer = Authorizer(PrincipalRecords(fake), None)
    monkeypatch.setattr(app, "authorizer", lambda: authorizer)
    return fake


def call(headers: Mapping[str, str]) -> dict[str, Any]:
    answer: dict[str, Any] = app.handler(authorizer_event(headers), FakeContext())
    return answer


def refused(headers: Mapping[str, str]) -> None:
    # API Gateway makes a 401 of exactly this message.
    with pytest.raises(app.Unauthorized, match=r"^Unauthorized$") as error:
        call(headers)
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__


def test_principal(database: FakeDatabase) -> None:
    answer = call({"x-api-key": KEY})
    assert answer["principalId"] == answer["usageIdentifierKey"] == "client-a"
    assert answer["context"] == {
        "client_id": "client-a",
        "actor": "key_1",
        "role": "operator",
        "scopes": " ".join(sorted(scopes_of(Role.OPERATOR))),
        "plan": "standard",
    }
    assert KEY not in json.dumps(answer)


def test_policy_is_of_the_stage_that_was_asked(database: FakeDatabase) -> None:
    (statement,) = call({"x-api-key": KEY})["policyDocument"]["Statement"]
    base = "arn:aws:execute-api:eu-west-1:123456789012:api/dev"
    assert f"{base}/POST/v1/inspections" in statement["Resource"]
    assert all(resource.startswith(f"{base}/") for resource in statement["Resource"])


def test_a_key_with_scopes_may_only_that(database: FakeDatabase) -> None:
    database.rows = [KEY_ROW | {"scopes": '["inspections:read", "plans:manage", "no-such-thing"]'}]
    answer = call({"x-api-key": KEY})
    assert answer["context"]["scopes"] == "inspections:read"


def test_token(monkeypatch: pytest.MonkeyPatch, issuer: Issuer) -> None:
    row = {"actor": "member_1", "issuer": issuer.url, "subject": SUBJECT, "client_id": "client-a"}
    records = PrincipalRecords(FakeDatabase([row | {"role": "viewer", "scopes": None, "plan": "standard"}]))
    settings = issuer.settings
    check = TokenCheck(settings, SigningKeys(settings.jwks_url, settings.algorithms))
    monkeypatch.setattr(app, "authorizer", lambda: Authorizer(records, check))
    answer = call({"Authorization": f"Bearer {issuer.token()}"})
    assert answer["principalId"] == answer["usageIdentifierKey"] == "client-a"
    assert (answer["context"]["actor"], answer["context"]["role"]) == ("member_1", "viewer")


@pytest.mark.parametrize(
    "headers",
    [{}, {"x-api-key": ""}, {"x-api-key": "x" * 201}, {"authorization": KEY}, {"authorization": "Bearer a.b.c"}],
    ids=["nothing", "empty", "endless", "no scheme", "no such sign-in"],
)
def test_what_is_no_credential_is_refused_without_a_look(database: FakeDatabase, headers: dict[str, str]) -> None:
    refused(headers)
    assert database.executed == []


@pytest.mark.parametrize("key", [KEY + "x", KEY[:-1], "' OR 1=1 --"])
def test_wrong_key_is_refused_even_if_a_row_came_back(database: FakeDatabase, key: str) -> None:
    refused({"x-api-key": key})


def test_unknown_key_is_refused(database: FakeDatabase) -> None:
    database.rows = []
    refused({"x-api-key": KEY})


def test_database_away_is_not_unauthorized(database: FakeDatabase) -> None:
    """API Gateway answers 503; a 401 would send clients to ask for new keys."""
    database.away = True
    with pytest.raises(Unavailable):
        call({"x-api-key": KEY})


@pytest.mark.parametrize(
    ("headers", "metric", "reason"),
    [
        ({}, "KeyRefused", "missing"),
        ({"x-api-key": "canary-key"}, "KeyRefused", "unknown"),
        ({"authorization": "Bearer canary.to.ken"}, "TokenRefused", "off"),
        ({"authorization": "Basic canary"}, "TokenRefused", "malformed"),
        ({"x-api-key": "canary-key", "authorization": "Bearer canary.to.ken"}, "KeyRefused", "ambiguous"),
    ],
)
def test_a_refusal_is_counted_and_told_without_what_was_sent(
    database: FakeDatabase,
    headers: dict[str, str],
    metric: str,
    reason: str,
    logged: io.StringIO,
    capsys: pytest.CaptureFixture[str],
) -> None:
    database.rows = []
    refused(headers)
    (line,) = [json.loads(line) for line in logged.getvalue().splitlines()]
    assert (line["message"], line["reason"]) == ("credential refused", reason)
    assert line["request_id"] == "11111111-1111-1111-1111-111111111111"
    counted = capsys.readouterr().out
    assert json.loads(counted)[metric] == [1.0]
    assert "canary" not in logged.getvalue() + counted
