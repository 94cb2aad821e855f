"""One credential, in one place, or none at all."""

from typing import Any

import pytest

from authorizer.credential import (
    LONGEST_KEY,
    LONGEST_TOKEN,
    ApiKey,
    BearerToken,
    Refused,
    TokenRefused,
    credential_of,
)

KEY, TOKEN = "scr_" + "k" * 43, "aaaa.bbbb.cccc"


def many(**values: list[str]) -> dict[str, Any]:
    """An event as API Gateway sends it: the last value of each header, and all of them."""
    named = {name.replace("_", "-"): sent for name, sent in values.items()}
    return {"headers": {name: sent[-1] for name, sent in named.items()}, "multiValueHeaders": named}


@pytest.mark.parametrize("name", ["x-api-key", "X-API-Key", "X-API-KEY", "X-Api-Key"])
def test_key_in_a_header_of_any_case(name: str) -> None:
    assert credential_of({"multiValueHeaders": {name: [KEY]}}) == ApiKey(KEY)


@pytest.mark.parametrize("name", ["authorization", "Authorization", "AUTHORIZATION"])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_token_in_a_header_of_any_case(name: str, scheme: str) -> None:
    assert credential_of({"multiValueHeaders": {name: [f"{scheme} {TOKEN}"]}}) == BearerToken(TOKEN)


def test_an_event_without_all_values_is_read_by_its_headers() -> None:
    assert credential_of({"headers": {"x-api-key": KEY}, "multiValueHeaders": None}) == ApiKey(KEY)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"headers": None, "multiValueHeaders": None}, "missing"),
        (many(cookie=[KEY]), "missing"),
        (many(x_api_key=[KEY, KEY]), "ambiguous"),
        (many(x_api_key=[KEY, "another"]), "ambiguous"),
        (many(x_api_key=["", KEY]), "ambiguous"),
        (many(x_api_key=[KEY], X_API_KEY=["another"]), "ambiguous"),
        (many(x_api_key=[KEY], authorization=[f"Bearer {TOKEN}"]), "ambiguous"),
        (many(x_api_key=[""], authorization=[f"Bearer {TOKEN}"]), "ambiguous"),
        (many(x_api_key=[KEY], authorization=[""]), "ambiguous"),
        (many(x_api_key=[KEY], Authorization=["Basic eDp5"]), "ambiguous"),
        (many(authorization=[f"Bearer {TOKEN}", f"Bearer {TOKEN}"]), "ambiguous"),
        (many(authorization=[f"Bearer {TOKEN}"], Authorization=[f"Bearer {TOKEN}"]), "ambiguous"),
        # `headers` shows one value only: the others are seen all the same.
        ({"headers": {"x-api-key": KEY}, "multiValueHeaders": {"x-api-key": ["another", KEY]}}, "ambiguous"),
        (many(x_api_key=[""]), "malformed"),
        (many(x_api_key=[" "]), "malformed"),
        (many(x_api_key=[f" {KEY}"]), "malformed"),
        (many(x_api_key=[f"{KEY} "]), "malformed"),
        (many(x_api_key=[f"{KEY}\n"]), "malformed"),
        (many(x_api_key=[f"{KEY}, {KEY}"]), "malformed"),
        (many(x_api_key=[f"{KEY}\x00"]), "malformed"),
        (many(x_api_key=["ключ"]), "malformed"),
        (many(x_api_key=["\ud800"]), "malformed"),
        (many(x_api_key=["k" * (LONGEST_KEY + 1)]), "malformed"),
    ],
)
def test_keys_that_are_none(event: dict[str, Any], reason: str) -> None:
    with pytest.raises(Refused, match=f"^{reason}$") as refused:
        credential_of(event)
    assert refused.value.metric == "KeyRefused"


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ("", "malformed"),
        ("Bearer", "malformed"),
        ("Bearer ", "malformed"),
        (TOKEN, "malformed"),
        (f" Bearer {TOKEN}", "malformed"),
        (f"Bearer  {TOKEN}", "malformed"),
        (f"Bearer\t{TOKEN}", "malformed"),
        (f"Bearer {TOKEN} ", "malformed"),
        (f"Bearer {TOKEN}\r\nx-api-key: {KEY}", "malformed"),
        (f"Bearer {TOKEN}, Bearer {TOKEN}", "malformed"),
        (f"Bearer Bearer {TOKEN}", "malformed"),
        (f"Basic {TOKEN}", "malformed"),
        (f"Token {TOKEN}", "malformed"),
        ("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request", "malformed"),
        ("Bearer " + "a" * LONGEST_TOKEN, "oversized"),
    ],
)
def test_tokens_that_are_none(sent: str, reason: str) -> None:
    with pytest.raises(TokenRefused, match=f"^{reason}$") as refused:
        credential_of(many(authorization=[sent]))
    assert refused.value.metric == "TokenRefused"


def test_a_credential_does_not_show_itself() -> None:
    assert KEY not in repr(ApiKey(KEY))
    assert TOKEN not in repr(BearerToken(TOKEN))
