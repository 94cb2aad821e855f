"""An OpenID Connect issuer on this machine: a real RSA key, served as a JWKS."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

ISSUER, AUDIENCE, KEY_ID = "https://issuer.example/", "scrutineer", "first"


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Issuer:
    """A context manager. Its tokens name `ISSUER`; where its keys are is told to the authorizer alone."""

    def __init__(self) -> None:
        self.key = new_key()
        public = RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        self.jwks = json.dumps({"keys": [{**public, "kid": KEY_ID, "use": "sig", "alg": "RS256"}]}).encode()
        self._server = HTTPServer(("127.0.0.1", 0), _handler(self.jwks))
        self._thread = threading.Thread(target=self._server.serve_forever, name="issuer", daemon=True)

    @property
    def parameters(self) -> dict[str, str]:
        """Of the template."""
        jwks_url = f"http://127.0.0.1:{self._server.server_port}/jwks.json"
        return {"JwtIssuer": ISSUER, "JwtAudience": AUDIENCE, "JwtJwksUrl": jwks_url, "JwtAlgorithms": "RS256"}

    def token(self, subject: str, *, key: Any = None, algorithm: str = "RS256", **claims: Any) -> str:
        """Good for five minutes, unless `claims` says otherwise."""
        said = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "exp": int(time.time()) + 300, **claims}
        return jwt.encode(said, self.key if key is None else key, algorithm, headers={"kid": KEY_ID})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(2)


def _handler(document: bytes) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(document)))
            self.end_headers()
            self.wfile.write(document)

        def log_message(self, *_: object) -> None:
            """Silence."""

    return Handler
