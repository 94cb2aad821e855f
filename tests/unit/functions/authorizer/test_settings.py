"""The issuer is pinned by settings, or sign-in is off; nothing in between."""

import pytest

from authorizer.settings import Settings, TokenSettings
from core.settings import InvalidSetting

DATABASE = {
    "DATABASE_HOST": "db",
    "DATABASE_PORT": "3306",
    "DATABASE_NAME": "scrutineer",
    "DATABASE_USER": "scrutineer",
    "DATABASE_AUTH": "iam",
    "DATABASE_TLS": "true",
    "HOT_READS": "none",
}
TOKENS = {
    "JWT_ISSUER": "https://issuer.example/",
    "JWT_AUDIENCE": "people",
    "JWT_JWKS_URL": "https://issuer.example/jwks.json",
    "JWT_ALGORITHMS": "RS256, ES256",
}


def test_tokens_of_one_issuer() -> None:
    assert Settings.from_environment(DATABASE | TOKENS).tokens == TokenSettings(
        "https://issuer.example/", "people", "https://issuer.example/jwks.json", ("RS256", "ES256")
    )


@pytest.mark.parametrize(("value", "on"), [("none", False), ("dynamodb", True)])
def test_hot_reads(value: str, on: bool) -> None:
    assert Settings.from_environment(DATABASE | TOKENS | {"HOT_READS": value}).hot_reads is on


def test_an_empty_issuer_turns_sign_in_off() -> None:
    assert Settings.from_environment(DATABASE | TOKENS | {"JWT_ISSUER": ""}).tokens is None


def test_an_issuer_on_this_machine_may_speak_http() -> None:
    local = {"JWT_ISSUER": "http://127.0.0.1:8080/", "JWT_JWKS_URL": "http://127.0.0.1:8080/jwks.json"}
    tokens = Settings.from_environment(DATABASE | TOKENS | local).tokens
    assert tokens is not None
    assert tokens.jwks_url == "http://127.0.0.1:8080/jwks.json"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JWT_AUDIENCE", ""),
        ("JWT_ISSUER", "iam"),  # the issuer of those who sign by AWS: a subject could be somebody's ARN
        ("JWT_ISSUER", "http://issuer.example/"),
        ("JWT_JWKS_URL", ""),
        ("JWT_JWKS_URL", "http://issuer.example/jwks.json"),
        ("JWT_JWKS_URL", "http://127.0.0.1.evil.example/jwks.json"),
        ("JWT_JWKS_URL", "http://127.0.0.1@evil.example/jwks.json"),
        ("JWT_JWKS_URL", "https://user@issuer.example/jwks.json"),
        ("JWT_JWKS_URL", "file:///etc/passwd"),
        ("JWT_JWKS_URL", "https:///jwks.json"),
        ("JWT_ALGORITHMS", ""),
        ("JWT_ALGORITHMS", "none"),
        ("JWT_ALGORITHMS", "RS256,HS256"),
        ("JWT_ALGORITHMS", "rs256"),
    ],
)
def test_what_would_open_the_door_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(InvalidSetting, match=name):
        Settings.from_environment(DATABASE | TOKENS | {name: value})


@pytest.mark.parametrize("name", sorted(TOKENS))
def test_all_are_asked_for_even_when_off(name: str) -> None:
    environment = DATABASE | TOKENS | {"JWT_ISSUER": ""}
    del environment[name]
    with pytest.raises(InvalidSetting, match=name):
        Settings.from_environment(environment)
