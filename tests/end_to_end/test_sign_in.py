"""The other ways in, over HTTP: JWTs of a real issuer, signatures of machines; and headers that want to be both."""

import base64
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from botocore.credentials import Credentials

from scrutineer.local.machines import Machine
from scrutineer.local.stack import LocalStack
from tests.end_to_end.desk import CLIENTS, Desk
from tests.end_to_end.issuer import ISSUER, KEY_ID, Issuer, new_key
from tests.end_to_end.signing import credentials_of, sign

Stored = Callable[..., list[tuple[Any, ...]]]
SUBJECT = "auth0|somebody"


@pytest.fixture(scope="module")
def client_id(desk: Desk) -> str:
    return desk.client("Sign-in")


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


# ------------------------------------------------------------------------------------------------------------------ JWT


@pytest.fixture(scope="module")
def person(desk: Desk, client_id: str) -> str:
    """The id of a member who is an operator."""
    return desk.member(client_id, ISSUER, SUBJECT)


def bearing(desk: Desk, token: str, method: str = "GET", path: str = "/v1/me", body: Any = None) -> httpx.Response:
    return desk.send(method, path, body, authorization=f"Bearer {token}", prefer="respond-async")


def test_a_member_signs_in_and_inspects(
    desk: Desk, issuer: Issuer, client_id: str, person: str, body: dict[str, Any], stored: Stored
) -> None:
    token = issuer.token(SUBJECT)
    accepted = bearing(desk, token, "POST", "/v1/inspections", body)
    assert accepted.status_code == 202, accepted.text
    inspection_id = accepted.json()["id"]
    assert bearing(desk, token, path=f"/v1/inspections/{inspection_id}").status_code == 200
    row = stored("SELECT client_id FROM rvpxbverification_request_data WHERE inspection_id = %s", (inspection_id,))
    assert row == [(client_id,)]


def test_the_role_is_the_records_and_not_the_tokens(desk: Desk, issuer: Issuer, client_id: str, person: str) -> None:
    token = issuer.token(SUBJECT, role="admin", scope="clients:read", client_id="client_other", plan="other")
    me = bearing(desk, token).json()
    assert (me["client_id"], me["actor"], me["role"], me["plan"]) == (client_id, person, "operator", "standard")
    assert problem(bearing(desk, token, path=CLIENTS)) == (403, "forbidden")


def test_a_token_that_is_not_the_issuers_for_us_lets_nobody_in(desk: Desk, issuer: Issuer, person: str) -> None:
    header, claims, _ = issuer.token(SUBJECT).split(".")
    forged = {
        "signed by another key": issuer.token(SUBJECT, key=new_key()),
        "signed with the public key as a secret": hmac_signed(claims, issuer.jwks),
        "unsigned": issuer.token(SUBJECT, key="", algorithm="none"),
        "another's claims": ".".join([header, claims, issuer.token("other").rpartition(".")[2]]),
        "another issuer": issuer.token(SUBJECT, iss="https://issuer.example"),
        "for others": issuer.token(SUBJECT, aud="others"),
        "expired": issuer.token(SUBJECT, exp=1_700_000_000),
        "not yet good": issuer.token(SUBJECT, nbf=4_000_000_000),
        "of nobody we know": issuer.token("auth0|nobody"),
        "a subject with a blank": issuer.token(SUBJECT + " "),
    }
    for name, token in forged.items():
        assert problem(bearing(desk, token)) == (401, "unauthorized"), name
    assert bearing(desk, issuer.token(SUBJECT)).status_code == 200


def hmac_signed(claims: str, secret: bytes) -> str:
    """HS256, which PyJWT refuses to do with a public key."""
    header = base64url(json.dumps({"alg": "HS256", "typ": "JWT", "kid": KEY_ID}).encode())
    return f"{header}.{claims}." + base64url(hmac.digest(secret, f"{header}.{claims}".encode(), "sha256"))


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


# ------------------------------------------------------------------------------------------------------------------ IAM


def may_call(stack: LocalStack) -> dict[str, Any]:
    anything = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": f"{stack.api_arn}/*"}
    return {"Version": "2012-10-17", "Statement": [anything]}


@pytest.fixture(scope="module")
def machine(stack: LocalStack, desk: Desk, client_id: str) -> Machine:
    """A member that signs its requests, an operator."""
    machine = stack.create_machine("robot", may_call(stack))
    desk.member(client_id, "iam", machine.arn)
    return machine


def test_a_machine_is_the_member_of_its_arn(
    stack: LocalStack, anybody: httpx.Client, machine: Machine, client_id: str
) -> None:
    credentials = credentials_of(machine)
    me = anybody.send(sign(f"{stack.url}/iam/v1/me", credentials, "GET"))
    assert (me.json()["client_id"], me.json()["role"]) == (client_id, "operator")
    assert "RateLimit-Policy" in me.headers
    for path in ("admin/clients", f"admin/clients/{client_id}/keys"):
        assert problem(anybody.send(sign(f"{stack.url}/iam/v1/{path}", credentials, "GET"))) == (403, "forbidden")


def test_the_same_signed_request_twice_is_one_inspection(
    stack: LocalStack, anybody: httpx.Client, machine: Machine, client_id: str, body: dict[str, Any], stored: Stored
) -> None:
    headers = {"Idempotency-Key": "signed-once", "Prefer": "respond-async"}
    request = sign(f"{stack.url}/iam/v1/inspections", credentials_of(machine), "POST", body, headers=headers)
    first, replayed = anybody.send(request), anybody.send(request)
    assert first.status_code == 202, first.text
    assert first.json()["id"] == replayed.json()["id"]
    rows = stored(
        "SELECT client_id, inspection_id FROM rvpxbverification_request_data WHERE idempotency_key = 'signed-once'"
    )
    assert rows == [(client_id, first.json()["id"])]


def test_a_signature_is_for_one_request_of_this_moment(
    stack: LocalStack, anybody: httpx.Client, machine: Machine, body: dict[str, Any], stored: Stored
) -> None:
    credentials, url = credentials_of(machine), f"{stack.url}/iam/v1/inspections"
    signed = sign(url, credentials, "POST", body)

    def changed(**what: Any) -> httpx.Request:
        same = {"method": signed.method, "url": url, "headers": signed.headers, "content": signed.content}
        request = {**same, **what}
        request["headers"] = {name: each for name, each in request["headers"].items() if name != "content-length"}
        return httpx.Request(**request)

    refused = {
        "another body": changed(content=json.dumps(body | {"reference": "mine"}).encode()),
        "another path": changed(url=f"{stack.url}/iam/v1/embeddings/text"),
        "a query": changed(url=f"{url}?limit=1"),
        "another method": changed(method="PUT"),
        "six minutes ago": sign(url, credentials, "POST", body, off_by=timedelta(minutes=-6)),
        "in six minutes": sign(url, credentials, "POST", body, off_by=timedelta(minutes=6)),
        "another secret": sign(url, Credentials(machine.access_key_id, "x" * 40), "POST", body),
        "no signature but a token": httpx.Request("POST", url, json=body, headers={"Authorization": "Bearer x.y.z"}),
    }
    before = stored("SELECT COUNT(*) FROM rvpxbverification_request_data")
    for name, request in refused.items():
        answer = anybody.send(request)
        assert answer.status_code == 403, f"{name}: {answer.text}"
        assert answer.headers["content-type"] == "application/problem+json", name
    assert stored("SELECT COUNT(*) FROM rvpxbverification_request_data") == before


def test_a_signature_opens_only_what_is_below_iam(stack: LocalStack, anybody: httpx.Client, machine: Machine) -> None:
    """And what opens the rest does not open that."""
    assert anybody.send(sign(f"{stack.url}/v1/me", credentials_of(machine), "GET")).status_code == 401


@pytest.mark.parametrize("path", ["me", "inspections", "admin/clients"])
def test_a_key_opens_nothing_below_iam(desk: Desk, key: str, path: str) -> None:
    """Unsigned, it is no route at all."""
    assert problem(desk.send("GET", f"/iam/v1/{path}", x_api_key=key)) == (404, "unknown_route")


def test_a_machine_that_is_nobodys_member(stack: LocalStack, anybody: httpx.Client) -> None:
    stranger = stack.create_machine("stranger", may_call(stack))
    answer = anybody.send(sign(f"{stack.url}/iam/v1/me", credentials_of(stranger), "GET"))
    assert problem(answer) == (403, "forbidden")
    assert "arn:" not in answer.text


def test_an_assumed_role_is_the_member_of_its_role(
    stack: LocalStack, anybody: httpx.Client, desk: Desk, client_id: str
) -> None:
    iam = stack.client("iam")
    anyone = {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [anyone]})
    arn = iam.create_role(RoleName="night-shift", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName="night-shift", PolicyName="call", PolicyDocument=json.dumps(may_call(stack)))
    desk.member(client_id, "iam", arn, "viewer")
    given = stack.client("sts").assume_role(RoleArn=arn, RoleSessionName="tonight")["Credentials"]
    session = Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    me = anybody.send(sign(f"{stack.url}/iam/v1/me", session, "GET"))
    assert (me.status_code, me.json()["client_id"], me.json()["role"]) == (200, client_id, "viewer")


# ------------------------------------------------------------------------------------------------------------ smuggling


@pytest.fixture(scope="module")
def live_key(desk: Desk, client_id: str) -> str:
    return desk.key(client_id).secret


def test_headers_that_could_be_read_in_two_ways_let_nobody_in(
    anybody: httpx.Client, issuer: Issuer, person: str, live_key: str
) -> None:
    token, other = issuer.token(SUBJECT), "scr_other"
    one = "x-api-key"
    refused: list[list[tuple[str, str]]] = [
        [],
        [(one, "")],
        [(one, live_key), (one, live_key)],
        [(one, live_key), (one, other)],
        [(one, other), (one, live_key)],
        [(one, live_key), ("X-API-KEY", other)],
        [(one, live_key), (one, "")],
        [(one, f"{live_key},{live_key}")],
        [(one, f"{live_key} {other}")],
        [(one, live_key.upper())],
        [("x_api_key", live_key)],
        [("x-api-key2", live_key)],
        [("Authorization", live_key)],
        [("Authorization", f"Basic {live_key}")],
        [("Authorization", f"Bearer {live_key}")],
        [(one, token)],
        [(one, live_key), ("Authorization", f"Bearer {token}")],
        [(one, live_key), ("Authorization", "")],
        [(one, ""), ("Authorization", f"Bearer {token}")],
        [("Authorization", f"Bearer {token}"), ("authorization", f"Bearer {token}")],
        [("Cookie", f"{one}={live_key}")],
    ]
    for headers in refused:
        answer = anybody.get("/v1/me", headers=headers)
        assert problem(answer) == (401, "unauthorized"), [(name, value[:8]) for name, value in headers]
    assert anybody.get(f"/v1/me?x-api-key={live_key}").status_code == 401


def test_the_case_of_a_headers_name_is_nothing(
    anybody: httpx.Client, issuer: Issuer, person: str, live_key: str
) -> None:
    token = issuer.token(SUBJECT)
    for headers in (
        {"X-API-KEY": live_key},
        {"x-Api-Key": live_key},
        {"AUTHORIZATION": f"Bearer {token}"},
        {"authorization": f"bearer {token}"},
    ):
        assert anybody.get("/v1/me", headers=headers).status_code == 200


@pytest.mark.parametrize("header", ["x-amzn-requestid", "x-forwarded-for", "x-client-id", "x-principal", "x-role"])
def test_a_header_says_nothing_of_who_one_is(anybody: httpx.Client, live_key: str, client_id: str, header: str) -> None:
    me = anybody.get("/v1/me", headers={"x-api-key": live_key, header: "admin"}).json()
    assert (me["client_id"], me["role"]) == (client_id, "operator")
