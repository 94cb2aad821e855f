"""JWTs: those of our issuer are good for as long as they say, every forgery is refused, and nobody is asked outward."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import jwt
import pytest
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from authorizer.bearer_token import LEEWAY_S, TokenCheck
from authorizer.credential import BearerToken, TokenRefused, credential_of
from authorizer.settings import TokenSettings
from authorizer.signing_keys import SigningKeys
from tests.unit.functions.authorizer.issuer import (
    AUDIENCE,
    SUBJECT,
    Issuer,
    ec_entry,
    ec_key,
    issuing,
    public_pem,
    rsa_entry,
    rsa_key,
)

Sign = Callable[[bytes], bytes]


@pytest.fixture
def check(issuer: Issuer) -> TokenCheck:
    return checking(issuer.settings)


def checking(settings: TokenSettings) -> TokenCheck:
    return TokenCheck(settings, SigningKeys(settings.jwks_url, settings.algorithms))


def encoded(part: bytes | Mapping[str, Any]) -> bytes:
    text = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=")


def made(header: bytes | Mapping[str, Any], claims: bytes | Mapping[str, Any], sign: Sign) -> str:
    """A token that no library would make."""
    signed = encoded(header) + b"." + encoded(claims)
    return (signed + b"." + encoded(sign(signed))).decode()


def by_rsa(name: str) -> Sign:
    return lambda message: RSAAlgorithm(RSAAlgorithm.SHA256).sign(message, rsa_key(name))


def by_ec(name: str) -> Sign:
    return lambda message: ECAlgorithm(ECAlgorithm.SHA256).sign(message, ec_key(name))


def by_secret(secret: bytes) -> Sign:
    return lambda message: hmac.new(secret, message, hashlib.sha256).digest()


def unsigned(message: bytes) -> bytes:
    return b""


def header(**changed: Any) -> dict[str, Any]:
    return {"alg": "RS256", "kid": "rsa-1", "typ": "JWT", **changed}


def in_segments(token: str, change: Callable[[list[str]], list[str]]) -> str:
    return ".".join(change(token.split(".")))


OTHER = "rsa-attacker"

# What somebody could send who does not have the issuer's private key, or has a token of it that is not for us.
FORGED: dict[str, Callable[[Issuer], str]] = {
    "alg none, no signature": lambda i: made(header(alg="none"), i.claims(), unsigned),
    "alg none, with the issuer's signature": lambda i: made(header(alg="none"), i.claims(), by_rsa("rsa-1")),
    "alg None": lambda i: made(header(alg="None"), i.claims(), by_rsa("rsa-1")),
    "alg NONE": lambda i: made(header(alg="NONE"), i.claims(), by_rsa("rsa-1")),
    "alg nOnE": lambda i: made(header(alg="nOnE"), i.claims(), by_rsa("rsa-1")),
    "alg empty": lambda i: made(header(alg=""), i.claims(), by_rsa("rsa-1")),
    "alg null": lambda i: made(header(alg=None), i.claims(), by_rsa("rsa-1")),
    "alg missing": lambda i: made({"kid": "rsa-1", "typ": "JWT"}, i.claims(), by_rsa("rsa-1")),
    "alg a list": lambda i: made(header(alg=["RS256"]), i.claims(), by_rsa("rsa-1")),
    "alg in lower case": lambda i: made(header(alg="rs256"), i.claims(), by_rsa("rsa-1")),
    "HS256 with the public key as secret": lambda i: made(
        header(alg="HS256"), i.claims(), by_secret(public_pem(rsa_key("rsa-1")))
    ),
    "RS256 in the header, HMAC with the public key": lambda i: made(
        header(), i.claims(), by_secret(public_pem(rsa_key("rsa-1")))
    ),
    "HS256 with an empty secret": lambda i: made(header(alg="HS256"), i.claims(), by_secret(b"")),
    "HS256 with the key set as secret": lambda i: made(header(alg="HS256"), i.claims(), by_secret(i.body)),
    "ES256 over a key of RS256": lambda i: made(header(alg="ES256"), i.claims(), by_ec(OTHER)),
    "RS256 over a key of ES256": lambda i: made(header(kid="ec-1"), i.claims(), by_rsa(OTHER)),
    "PS256, which is not allowed": lambda i: jwt.encode(
        i.claims(), rsa_key("rsa-1"), "PS256", headers={"kid": "rsa-1"}
    ),
    "ES256 with a signature of zeros": lambda i: made(header(alg="ES256", kid="ec-1"), i.claims(), lambda _: bytes(64)),
    "another key with the same id": lambda i: made(header(), i.claims(), by_rsa(OTHER)),
    "another EC key with the same id": lambda i: made(header(alg="ES256", kid="ec-1"), i.claims(), by_ec(OTHER)),
    "kid missing": lambda i: made({"alg": "RS256"}, i.claims(), by_rsa(OTHER)),
    "kid unknown": lambda i: made(header(kid=OTHER), i.claims(), by_rsa(OTHER)),
    "kid a path": lambda i: made(header(kid="../../../../dev/null"), i.claims(), by_secret(b"")),
    "kid a path to an empty file, HS256": lambda i: made(
        header(alg="HS256", kid="/dev/null"), i.claims(), by_secret(b"")
    ),
    "kid SQL": lambda i: made(header(kid="x' UNION SELECT 'secret' -- "), i.claims(), by_secret(b"secret")),
    "kid a command": lambda i: made(header(kid="rsa-1|id"), i.claims(), by_rsa(OTHER)),
    "kid a number": lambda i: made(header(kid=1), i.claims(), by_rsa("rsa-1")),
    "kid a list": lambda i: made(header(kid=["rsa-1"]), i.claims(), by_rsa("rsa-1")),
    "kid the name of an attribute": lambda i: made(header(kid="__class__"), i.claims(), by_rsa(OTHER)),
    "jku of the attacker": lambda i: made(
        header(kid=OTHER, jku=f"{i.settings.jwks_url.replace('jwks', 'evil')}"), i.claims(), by_rsa(OTHER)
    ),
    "x5u of the attacker": lambda i: made(header(kid=OTHER, x5u=f"{i.url}/evil.pem"), i.claims(), by_rsa(OTHER)),
    "jwk of the attacker": lambda i: made(header(jwk=rsa_entry(OTHER)), i.claims(), by_rsa(OTHER)),
    "x5c of the attacker": lambda i: made(header(x5c=["MIIB"]), i.claims(), by_rsa(OTHER)),
    "wrong iss": lambda i: i.token(iss="https://issuer.example"),
    "iss that begins like ours": lambda i: i.token(iss=f"{i.url}.evil.example"),
    "iss with another end": lambda i: i.token(iss=f"{i.url}/"),
    "iss in a list": lambda i: made(header(), i.claims(iss=[i.url]), by_rsa("rsa-1")),
    "iss missing": lambda i: i.token(iss=None),
    "wrong aud": lambda i: i.token(aud="somebody-else"),
    "aud that begins like ours": lambda i: i.token(aud=f"{AUDIENCE}-too"),
    "aud a list of others": lambda i: i.token(aud=["a", "b"]),
    "aud a list with a number": lambda i: i.token(aud=[AUDIENCE, 1]),
    "aud an object": lambda i: i.token(aud={AUDIENCE: True}),
    "aud empty": lambda i: i.token(aud=[]),
    "aud missing, client_id in its place": lambda i: i.token(aud=None, client_id=AUDIENCE, token_use="access"),
    "exp past": lambda i: i.token(exp=int(time.time()) - LEEWAY_S - 2),
    "exp long past": lambda i: i.token(exp=0),
    "exp missing": lambda i: i.token(exp=None),
    "exp text": lambda i: i.token(exp=str(int(time.time()) + 60)),
    "exp true": lambda i: i.token(exp=True),
    "exp infinite": lambda i: made(
        header(), json.dumps(i.claims(exp=1)).replace(": 1,", ": Infinity,").encode(), by_rsa("rsa-1")
    ),
    "exp beyond all numbers": lambda i: made(
        header(), json.dumps(i.claims(exp=1)).replace(": 1,", ": 1e999,").encode(), by_rsa("rsa-1")
    ),
    "nbf to come": lambda i: i.token(nbf=int(time.time()) + LEEWAY_S + 60),
    "nbf text": lambda i: i.token(nbf="0"),
    "iat to come": lambda i: i.token(iat=int(time.time()) + LEEWAY_S + 60),
    "sub missing": lambda i: i.token(sub=None),
    "sub empty": lambda i: i.token(sub=""),
    "sub a number": lambda i: made(header(), i.claims(sub=1), by_rsa("rsa-1")),
    "sub a list": lambda i: made(header(), i.claims(sub=[SUBJECT]), by_rsa("rsa-1")),
    "sub endless": lambda i: i.token(sub="u" * 256),
    "sub not ASCII": lambda i: i.token(sub="us\u00e9r-1"),
    "crit": lambda i: made(header(crit=["exp"], exp=1), i.claims(), by_rsa("rsa-1")),
    "crit empty": lambda i: made(header(crit=[]), i.claims(), by_rsa("rsa-1")),
    "b64 false": lambda i: made(header(b64=False, crit=["b64"]), i.claims(), by_rsa("rsa-1")),
    "typ of a logout": lambda i: i.token(headers={"typ": "logout+jwt"}),
    "typ of an encrypted token": lambda i: i.token(headers={"typ": "JWE"}),
    "nested": lambda i: made(header(cty="JWT"), i.token().encode(), by_rsa("rsa-1")),
    "oversized": lambda i: i.token(filling="x" * 9000),
    "brackets without end": lambda i: made(header(), b"[" * 4000, by_rsa("rsa-1")),
    "header brackets without end": lambda i: made(b"[" * 4000, i.claims(), by_rsa("rsa-1")),
    "payload no object": lambda i: made(header(), b"[]", by_rsa("rsa-1")),
    "payload no JSON": lambda i: made(header(), b"sub=user-1", by_rsa("rsa-1")),
    "payload no UTF-8": lambda i: made(header(), b'{"sub":"\xff"}', by_rsa("rsa-1")),
    "header no object": lambda i: made(b'"RS256"', i.claims(), by_rsa("rsa-1")),
    "header empty": lambda i: made(b"", i.claims(), by_rsa("rsa-1")),
    "sub twice": lambda i: made(
        header(), json.dumps(i.claims()).replace("}", ', "sub": "user-2"}').encode(), by_rsa("rsa-1")
    ),
    "alg twice": lambda i: made(b'{"alg": "none", "kid": "rsa-1", "alg": "RS256"}', i.claims(), by_rsa("rsa-1")),
    "signature stripped": lambda i: in_segments(i.token(), lambda parts: [*parts[:2], ""]),
    "signature and its dot stripped": lambda i: in_segments(i.token(), lambda parts: parts[:2]),
    "signature of another token": lambda i: in_segments(
        i.token(), lambda parts: [*parts[:2], i.token(sub="user-2").split(".")[2]]
    ),
    "payload of another token": lambda i: in_segments(
        i.token(), lambda parts: [parts[0], i.token(sub="user-2").split(".")[1], parts[2]]
    ),
    "one character of the signature changed": lambda i: in_segments(
        i.token(), lambda parts: [*parts[:2], ("B" if parts[2][0] == "A" else "A") + parts[2][1:]]
    ),
    "extra segment": lambda i: i.token() + ".e30",
    "five segments, as an encrypted one": lambda i: i.token() + ".e30.e30",
    "padding": lambda i: i.token() + "==",
    "standard base64": lambda i: in_segments(i.token(), lambda parts: [parts[0], "+/" + parts[1], parts[2]]),
    "letters of other scripts": lambda i: in_segments(i.token(), lambda parts: [parts[0], "ａ" + parts[1], parts[2]]),
    "a space inside": lambda i: i.token().replace(".", ". ", 1),
    "a line break at the end": lambda i: i.token() + "\n",
    "JSON serialisation": lambda i: json.dumps({"payload": i.token().split(".")[1]}),
    "nothing": lambda i: "",
    "dots": lambda i: "..",
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_forgery_is_refused_and_nobody_is_asked_outward(
    forge: Callable[[Issuer], str], issuer: Issuer, check: TokenCheck
) -> None:
    event = {"multiValueHeaders": {"Authorization": [f"Bearer {forge(issuer)}"]}}
    with pytest.raises(TokenRefused) as refused:
        check(credential_of(event))  # type: ignore[arg-type]
    assert set(issuer.fetched) <= {"/jwks.json"}
    assert len(issuer.fetched) <= 1
    # Neither the token nor what it claims gets into a log by way of the error.
    assert refused.value.reason.replace("_", "").isalpha()
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_there_is_no_lack_of_forgeries() -> None:
    assert len(FORGED) >= 25


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"kid": "ec-1"},
        {"aud": [AUDIENCE, "https://issuer.example/userinfo"]},
        {"headers": {"typ": "at+jwt"}},
        {"headers": {"typ": None}},
        {"role": "admin", "cognito:groups": ["admin"]},
    ],
    ids=str,
)
def test_the_issuers_own_tokens_are_good(more: dict[str, Any], issuer: Issuer, check: TokenCheck) -> None:
    claims = check(BearerToken(issuer.token(**more, exp=int(time.time()) + 3600)))
    assert claims.subject == SUBJECT
    assert claims.good_until == pytest.approx(time.time() + 3600 + LEEWAY_S, abs=60)


@pytest.mark.parametrize(
    ("claim", "from_now_s"),
    [("exp", 3600.5), ("exp", -LEEWAY_S // 2), ("iat", LEEWAY_S // 2), ("nbf", LEEWAY_S // 2)],
)
def test_clocks_may_differ_a_little(claim: str, from_now_s: float, issuer: Issuer, check: TokenCheck) -> None:
    now = int(time.time())
    times: dict[str, Any] = {"exp": now + 3600, claim: now + from_now_s}
    claims = check(BearerToken(issuer.token(**times)))
    exp = now + (from_now_s if claim == "exp" else 3600)
    assert claims.good_until == pytest.approx(exp + LEEWAY_S, abs=1)


def test_a_token_may_name_keys_elsewhere_but_is_checked_with_the_issuers(issuer: Issuer, check: TokenCheck) -> None:
    with issuing() as elsewhere:
        token = issuer.token(headers={"jku": elsewhere.settings.jwks_url, "x5u": elsewhere.url})
        assert check(BearerToken(token)).subject == SUBJECT
        assert elsewhere.fetched == []


def test_a_short_key_is_none(issuer: Issuer, check: TokenCheck) -> None:
    """RSA below 2,048 bits can be broken, whoever published it."""
    short = rsa_key("short", 1024)
    issuer.publish({**RSAAlgorithm.to_jwk(short.public_key(), as_dict=True), "kid": "short", "alg": "RS256"})
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        token = jwt.encode(issuer.claims(), short, "RS256", headers={"kid": "short"})
    with pytest.raises(TokenRefused):
        check(BearerToken(token))


def test_a_secret_in_the_key_set_is_no_key(issuer: Issuer) -> None:
    """Not even where somebody had allowed HS256 in the settings."""
    secret = {"kty": "oct", "kid": "shared", "k": encoded(b"s" * 32).decode(), "alg": "HS256"}
    issuer.publish(rsa_entry("rsa-1"), secret)
    settings = TokenSettings(issuer.url, AUDIENCE, issuer.settings.jwks_url, ("RS256", "HS256"))
    with pytest.raises(TokenRefused, match="unknown_key_id"):
        checking(settings)(BearerToken(made(header(alg="HS256", kid="shared"), issuer.claims(), by_secret(b"s" * 32))))


@pytest.mark.parametrize("entry", [{"use": "enc"}, {"alg": "RS512"}], ids=["for encryption", "for another algorithm"])
def test_a_key_for_something_else_signs_nothing(entry: dict[str, Any], issuer: Issuer, check: TokenCheck) -> None:
    issuer.publish(rsa_entry("rsa-1", **entry), ec_entry("ec-1"))
    with pytest.raises(TokenRefused, match="unknown_key_id"):
        check(BearerToken(issuer.token()))
    assert check(BearerToken(issuer.token(kid="ec-1"))).subject == SUBJECT


def test_reasons_tell_an_operator_what_is_wrong(issuer: Issuer, check: TokenCheck) -> None:
    for expected, token in {
        "expired": issuer.token(exp=1),
        "audience": issuer.token(aud="x"),
        "issuer": issuer.token(iss="x"),
        "signature": made(header(), issuer.claims(), by_rsa(OTHER)),
        "claim_missing": issuer.token(sub=None),
        "not_yet_valid": issuer.token(nbf=int(time.time()) + 3600),
    }.items():
        with pytest.raises(TokenRefused, match=f"^{expected}$"):
            check(BearerToken(token))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"alg": "none"}, "algorithm"),
        ({"alg": "HS256"}, "algorithm"),
        ({"crit": ["exp"], "exp": 1}, "critical"),
        ({"typ": "logout+jwt"}, "type"),
        ({"kid": None}, "no_key_id"),
    ],
    ids=str,
)
def test_a_header_that_we_would_not_follow_costs_no_fetch(
    changed: dict[str, Any], reason: str, issuer: Issuer, check: TokenCheck
) -> None:
    with pytest.raises(TokenRefused, match=f"^{reason}$"):
        check(BearerToken(made(header(**changed), issuer.claims(), by_rsa("rsa-1"))))
    assert issuer.fetched == []
