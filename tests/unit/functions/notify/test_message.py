"""The signature, judged by the library that receivers use."""

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from notify.message import Message

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
BODY = '{"type":"test","timestamp":"2026-01-02T03:04:05Z","data":{"name":"größer"}}'


def message(**changes: object) -> Message:
    """As the database's clock gives it: without a zone."""
    now = datetime.now(UTC).replace(tzinfo=None)
    made = Message("msg_a", "https://receiver.example/", BODY, now, [SECRET])
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def verify(sent: Message, secret: str = SECRET, body: str | None = None, **headers: str) -> None:
    changed = {name.replace("_", "-"): value for name, value in headers.items()}
    Webhook(secret).verify((body or sent.body).encode(), {**sent.headers(), **changed})


def moved(seconds: float) -> Message:
    return message(moment=datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=seconds))


def test_what_is_sent_verifies() -> None:
    verify(message())


def test_the_signature_is_the_specifications_own_example() -> None:
    """https://www.standardwebhooks.com, signature scheme: what another implementation makes of the same."""
    sent = Message(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", "", '{"test": 2432232314}', datetime(2021, 2, 25, 15, 2, 10), [SECRET]
    )
    assert sent.headers()["webhook-timestamp"] == "1614265330"
    assert sent.headers()["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda: verify(message(), body=BODY.replace("test", "best")),
        lambda: verify(message(), webhook_id="msg_b"),
        lambda: verify(message(), webhook_timestamp=str(int(datetime.now(UTC).timestamp()) + 7)),
        lambda: verify(message(), webhook_signature=""),
        lambda: verify(message(), webhook_signature="v1,AAAA"),
        lambda: verify(message(), webhook_id=""),
        lambda: verify(message(), webhook_timestamp=""),
        lambda: verify(message(), OTHER),
        lambda: verify(moved(-301)),
        lambda: verify(moved(302)),
    ],
    ids=[
        "body",
        "id",
        "timestamp",
        "no-signature",
        "made-up",
        "no-id",
        "no-timestamp",
        "other-secret",
        "old",
        "future",
    ],
)
def test_what_was_tampered_with_does_not(spoilt: Callable[[], None]) -> None:
    with pytest.raises(WebhookVerificationError):
        spoilt()


@pytest.mark.parametrize("seconds", [-290, 290])
def test_five_minutes_are_tolerated(seconds: float) -> None:
    verify(moved(seconds))


def test_either_secret_verifies_while_there_are_two() -> None:
    sent = message(secrets=[OTHER, SECRET])
    assert sent.headers()["webhook-signature"].count("v1,") == 2
    verify(sent, SECRET)
    verify(sent, OTHER)
