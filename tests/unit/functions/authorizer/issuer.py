"""An OpenID Connect issuer on 127.0.0.1: real keys, real signatures, and a count of who came for the key set."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from authorizer.settings import TokenSettings
from tests.fakes.http_serving import on_a_thread

AUDIENCE = "scrutineer-people"
SUBJECT = "user-1"


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """The same key for the same name, since making one takes a tenth of a second."""
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(name: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def public_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def rsa_entry(name: str, **more: Any) -> dict[str, Any]:
    """A member of a key set, with `name` as its id."""
    return {**RSAAlgorithm.to_jwk(rsa_key(name).public_key(), as_dict=True), "kid": name, "use": "sig", **more}


def ec_entry(name: str, **more: Any) -> dict[str, Any]:
    return {**ECAlgorithm.to_jwk(ec_key(name).public_key(), as_dict=True), "kid": name, "use": "sig", **more}


class Issuer(ThreadingHTTPServer):
    """Answers any GET with `status`, `headers` and `body`, after `delay_s`; `fetched` holds the paths asked for.

    `drip_s` sends the body byte by byte with such a pause.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fetched: list[str] = []
        self.status = 200
        self.headers: dict[str, str] = {}
        self.drip_s = 0.0
        self.publish(rsa_entry("rsa-1", alg="RS256"), ec_entry("ec-1", alg="ES256"))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def settings(self) -> TokenSettings:
        return TokenSettings(self.url, AUDIENCE, f"{self.url}/jwks.json", ("RS256", "ES256"))

    def publish(self, *entries: Mapping[str, Any]) -> None:
        self.body = json.dumps({"keys": entries}).encode()

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Good ones; a claim changed to None is left out."""
        now = int(time.time())
        claims = {"iss": self.url, "aud": AUDIENCE, "sub": SUBJECT, "exp": now + 3600, "iat": now, **changed}
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, *, kid: str = "rsa-1", headers: Mapping[str, Any] | None = None, **claims: Any) -> str:
        """Signed with the key of that name."""
        key, algorithm = (ec_key(kid), "ES256") if kid.startswith("ec") else (rsa_key(kid), "RS256")
        return jwt.encode(self.claims(**claims), key, algorithm, headers={"kid": kid, **(headers or {})})


@contextmanager
def issuing() -> Iterator[Issuer]:
    """Runs one until the block ends."""
    with on_a_thread(Issuer()) as server:
        yield server


class _Handler(BaseHTTPRequestHandler):
    server: Issuer

    def do_GET(self) -> None:
        told = self.server
        told.fetched.append(self.path)
        self.send_response(told.status)
        self.send_header("Content-Length", str(len(told.body)))
        for name, value in told.headers.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            if told.drip_s:
                for byte in told.body:
                    self.wfile.write(bytes([byte]))
                    time.sleep(told.drip_s)
            else:
                self.wfile.write(told.body)
        except (BrokenPipeError, ConnectionResetError):
            """Whoever asked has had enough."""

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is to be read on stderr."""
