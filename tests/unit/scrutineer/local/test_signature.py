"""Signatures made by botocore, and what somebody else can make of them."""

import dataclasses
import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from scrutineer.local.gateway_event import Request
from scrutineer.local.gateway_responses import Refused
from scrutineer.local.iam_identities import Identity
from scrutineer.local.signature import verified_identity

HOST = "api.execute-api.eu-west-1.amazonaws.com"
PATH = "/live/iam/v1/inspections/a%20b"
BODY = json.dumps({"order": "1"}).encode()
USER = Identity("AKIALOCAL", "the-secret", None, None, True, "arn:aws:iam::000000000000:user/machine", "u1", (), ())
SESSION = dataclasses.replace(USER, access_key_id="ASIALOCAL", session_token="the-token")
IDENTITIES = {identity.access_key_id: identity for identity in (USER, SESSION)}


class CarelessAuth(SigV4Auth):  # type: ignore[misc]  # botocore has no types
    """Signs all but one header."""

    def __init__(self, *arguments, leaves_out):
        super().__init__(*arguments)
        self.leaves_out = leaves_out

    def headers_to_sign(self, request):
        headers = super().headers_to_sign(request)
        del headers[self.leaves_out]
        return headers


def signed(
    identity=USER,
    *,
    secret=None,
    token=None,
    region="eu-west-1",
    service="execute-api",
    query="",
    headers=(),
    body=BODY,
    leaves_out="",
):
    """A request as botocore signs it, and the time at which it did."""
    request = AWSRequest("POST", f"http://{HOST}{PATH}{'?' if query else ''}{query}", dict(headers), body)
    credentials = Credentials(identity.access_key_id, secret or identity.secret, token or identity.session_token)
    CarelessAuth(credentials, service, region, leaves_out=leaves_out).add_auth(request)
    sent = (("Host", HOST), *request.headers.items())
    at = datetime.strptime(request.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return Request("POST", PATH.removeprefix("/live"), query, sent, body, "127.0.0.1", "HTTP/1.1", "r"), at


def verify(request, now, path=PATH, identities=IDENTITIES):
    return verified_identity(request, path, find=identities.get, now=now)


def refusal(request, now, **options):
    with pytest.raises(Refused) as caught:
        verify(request, now, **options)
    return caught.value.kind, caught.value.error_type


def with_header(request, name, value):
    others = [(known, held) for known, held in request.headers if known.lower() != name.lower()]
    return dataclasses.replace(request, headers=(*others, *([(name, value)] if value is not None else [])))


def header(request, name):
    return next(value for known, value in request.headers if known.lower() == name.lower())


@pytest.mark.parametrize("identity", [USER, SESSION], ids=["user", "session"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"body": b""},
        {"query": "b=2&a=1&a=0&flag=&name=caf%C3%A9%20%2F"},
        {"headers": [("X-Thing", "  one   two  "), ("Content-Type", "application/json")]},
        {"headers": [("X-Amz-Content-SHA256", hashlib.sha256(BODY).hexdigest())]},
    ],
)
def test_what_botocore_signs_is_accepted(identity, options):
    request, at = signed(identity, **options)
    assert verify(request, at) is identity
    for skew in (timedelta(minutes=4, seconds=59), -timedelta(minutes=4, seconds=59)):
        assert verify(request, at + skew) is identity


INVALID = ("INVALID_SIGNATURE", "InvalidSignatureException")
INCOMPLETE = ("INVALID_SIGNATURE", "IncompleteSignatureException")
MISSING = ("MISSING_AUTHENTICATION_TOKEN", "MissingAuthenticationTokenException")
UNRECOGNISED = ("INVALID_SIGNATURE", "UnrecognizedClientException")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda request: dataclasses.replace(request, body=BODY + b" "), INVALID),
        (lambda request: dataclasses.replace(request, body=b""), INVALID),
        (lambda request: dataclasses.replace(request, method="DELETE"), INVALID),
        (lambda request: dataclasses.replace(request, query="client=other"), INVALID),
        (lambda request: with_header(request, "X-Thing", "other"), INVALID),
        (lambda request: with_header(request, "X-Thing", None), INVALID),
        (lambda request: with_header(request, "Host", "elsewhere"), INVALID),
        (lambda request: with_header(request, "Host", None), INVALID),
        (lambda request: with_header(request, "X-Amz-Date", None), INVALID),
        (lambda request: with_header(request, "X-Amz-Date", "yesterday"), INCOMPLETE),
        (lambda request: with_header(request, "X-Amz-Content-SHA256", "UNSIGNED-PAYLOAD"), INVALID),
        (lambda request: with_header(request, "X-Amz-Content-SHA256", hashlib.sha256(b"").hexdigest()), INVALID),
        (lambda request: with_header(request, "X-Amz-Security-Token", "the-token"), UNRECOGNISED),
        (lambda request: with_header(request, "Authorization", "Bearer a.b.c"), INCOMPLETE),
        (lambda request: with_header(request, "Authorization", "AWS4-HMAC-SHA256"), INCOMPLETE),
        (lambda request: with_header(request, "Authorization", ""), INCOMPLETE),
        (lambda request: with_header(request, "Authorization", None), MISSING),
    ],
)
def test_a_changed_request_is_refused(change, expected):
    request, at = signed(headers=[("X-Thing", "one")])
    assert refusal(change(request), at) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("Signature=", "Signature=0", INVALID),
        ("AKIALOCAL", "AKIAOTHER", UNRECOGNISED),
        ("eu-west-1", "us-east-1", INVALID),
        ("execute-api", "s3", INVALID),
        ("aws4_request", "aws4", INVALID),
        ("SignedHeaders=host;", "SignedHeaders=", INVALID),
        (";x-amz-date", "", INVALID),
        (";x-thing", "", INVALID),
        ("x-thing", "x-thing;x-absent", INVALID),
        ("Signature=", "Other=", INCOMPLETE),
        ("Credential=", "Other=", INCOMPLETE),
        ("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256", INCOMPLETE),
    ],
)
def test_a_changed_authorization_header_is_refused(old, new, expected):
    request, at = signed(headers=[("X-Thing", "one")])
    authorization = header(request, "Authorization")
    assert old in authorization
    assert refusal(with_header(request, "Authorization", authorization.replace(old, new)), at) == expected


@pytest.mark.parametrize("skew", [timedelta(minutes=5, seconds=1), -timedelta(minutes=5, seconds=1), timedelta(days=1)])
def test_an_old_or_future_date_is_refused(skew):
    request, at = signed()
    assert refusal(request, at + skew) == INVALID


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"body": b"other"}, PATH),
        ({"query": "a=1"}, PATH),
        ({}, "/live/iam/v1/inspections/other"),
        ({}, "/other/iam/v1/inspections/a%20b"),
        ({}, "/live/iam/v1/inspections/a b"),
    ],
)
def test_a_stolen_header_does_not_fit_another_request(options, path):
    stolen, at = signed()
    other, _ = signed(**options)
    for name in ("Authorization", "X-Amz-Date"):
        other = with_header(other, name, header(stolen, name))
    assert refusal(other, at, path=path) == INVALID


@pytest.mark.parametrize("options", [{"region": "us-east-1"}, {"service": "s3"}, {"secret": "another"}])
def test_a_signature_for_something_else_is_refused(options):
    assert refusal(*signed(**options)) == INVALID


@pytest.mark.parametrize("name", ["host", "x-amz-date"])
def test_host_and_date_must_be_signed(name):
    assert refusal(*signed(leaves_out=name)) == INVALID
    assert verify(*signed(leaves_out="x-thing", headers=[("X-Thing", "one")])) is USER


@pytest.mark.parametrize("name", ["Authorization", "X-Amz-Date", "Host", "X-Amz-Content-SHA256"])
def test_a_doubled_header_is_refused(name):
    request, at = signed(headers=[("X-Amz-Content-SHA256", hashlib.sha256(BODY).hexdigest())])
    doubled = dataclasses.replace(request, headers=(*request.headers, (name.lower(), header(request, name))))
    assert refusal(doubled, at) == INVALID


def test_a_session_needs_its_own_token():
    request, at = signed(SESSION, token="another")
    assert refusal(request, at) == UNRECOGNISED
    assert refusal(with_header(signed(SESSION)[0], "X-Amz-Security-Token", None), at)[0] == "INVALID_SIGNATURE"


def test_sessions_end_and_keys_are_switched_off():
    request, at = signed(SESSION)
    over = {SESSION.access_key_id: dataclasses.replace(SESSION, expires_at=at)}
    assert refusal(request, at, identities=over) == ("EXPIRED_TOKEN", "ExpiredTokenException")
    off = {SESSION.access_key_id: dataclasses.replace(SESSION, active=False)}
    assert refusal(request, at, identities=off) == UNRECOGNISED


def test_a_signature_in_the_query_is_refused_and_says_so():
    request, at = signed(query="X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0")
    with pytest.raises(Refused, match="query string") as caught:
        verify(with_header(request, "Authorization", None), at)
    assert caught.value.kind == "INVALID_SIGNATURE"


def test_nothing_secret_is_shown():
    assert "the-secret" not in repr(SESSION)
    assert "the-token" not in repr(SESSION)
    request, at = signed()
    with pytest.raises(Refused) as caught:
        verify(with_header(request, "Authorization", "Bearer a.secret.token"), at)
    assert "a.secret.token" not in str(caught.value)
