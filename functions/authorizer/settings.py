"""What the authorizer is told by its environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from core.settings import DatabaseSettings, InvalidSetting, choice, text

# Signatures that are checked with a public key. HS256 and its like are missing on purpose: with them, whoever can check
# a token can also make one.
ASYMMETRIC = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class TokenSettings:
    """Whose JWTs sign people in. All of it comes from here and nothing of it from a token."""

    issuer: str
    audience: str
    jwks_url: str
    algorithms: tuple[str, ...]


@dataclass(frozen=True)
class Settings:
    """`tokens` is None where JWT sign-in is off, which an empty JWT_ISSUER says. `hot_reads`: whether there is
    something to read while the database is away."""

    database: DatabaseSettings
    tokens: TokenSettings | None
    hot_reads: bool

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "Settings":
        hot_reads = choice(env, "HOT_READS", ("none", "dynamodb")) == "dynamodb"
        return cls(database=DatabaseSettings.from_environment(env), tokens=_tokens(env), hot_reads=hot_reads)


def _tokens(env: Mapping[str, str]) -> TokenSettings | None:
    issuer, audience, jwks_url = (text(env, name) for name in ("JWT_ISSUER", "JWT_AUDIENCE", "JWT_JWKS_URL"))
    algorithms = tuple(name.strip() for name in text(env, "JWT_ALGORITHMS").split(","))
    if not issuer:
        return None
    if not audience:
        raise InvalidSetting("JWT_AUDIENCE must not be empty when JWT_ISSUER is set")
    if not set(algorithms) <= set(ASYMMETRIC):
        raise InvalidSetting(f"JWT_ALGORITHMS must be some of {', '.join(ASYMMETRIC)}, not {env['JWT_ALGORITHMS']!r}")
    for name, url in (("JWT_ISSUER", issuer), ("JWT_JWKS_URL", jwks_url)):
        if not _is_safe(url):
            raise InvalidSetting(f"{name} must be an https address (http only on {LOOPBACK}), not {url!r}")
    return TokenSettings(issuer, audience, jwks_url, algorithms)


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    if parts.username is not None or parts.fragment:
        return False
    return (parts.scheme == "https" and bool(parts.hostname)) or (parts.scheme == "http" and parts.hostname == LOOPBACK)
