"""A client is told: over the real gateway, functions and queues, by HTTP to a real receiver that verifies."""

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from core.identifiers import new_identifier
from scrutineer.local.stack import LocalStack
from tests.end_to_end.desk import Desk, sample_body
from tests.fakes.http_endpoint import HttpEndpoint

Got = tuple[dict[str, str], bytes]


@pytest.fixture
def client_id(desk: Desk) -> str:
    return desk.client("Told")


@pytest.fixture
def ask(desk: Desk, client_id: str) -> Callable[..., httpx.Response]:
    key = desk.key(client_id, "client-admin").secret
    return lambda method, path, body=None: desk.send(method, path, body, x_api_key=key)


def until(found: Callable[[], Any], what: str, within_s: float = 40) -> Any:
    end = time.monotonic() + within_s
    while not (value := found()):
        assert time.monotonic() < end, f"{what} did not come"
        time.sleep(0.1)
    return value


def came_to(receiver: HttpEndpoint, path: str) -> list[Got]:
    return [(headers, body) for at, headers, body in list(receiver.requests) if at == path]


def test_the_verdict_comes_signed_and_before_the_minute_is_over(
    desk: Desk, client_id: str, ask: Callable[..., httpx.Response], receiver: HttpEndpoint
) -> None:
    endpoint = desk.endpoint(client_id, "/verdicts")
    inspection = ask("POST", "/v1/inspections", sample_body()).json()
    ((headers, body), *more) = until(lambda: came_to(receiver, "/verdicts"), "the message")
    told = Webhook(endpoint["secret"]).verify(body, headers)
    shown = ask("GET", f"/v1/inspections/{inspection['id']}").json()
    assert told["type"] == f"inspection.{shown['state']}"
    for photo in shown["photos"]:
        photo["name"] = None
    assert told["data"] == shown
    assert not more

    def delivered() -> list[Any]:
        log = ask("GET", f"/v1/webhooks/{endpoint['endpoint_id']}/deliveries?state=delivered").json()
        return list(log["deliveries"])

    (delivery,) = until(delivered, "the line of the log")
    assert (delivery["inspection_id"], delivery["attempts"], delivery["last_status"]) == (inspection["id"], 1, 200)
    assert delivery["message_id"] == headers["webhook-id"]
    answer = ask("POST", f"/v1/webhooks/{endpoint['endpoint_id']}/replay", {"delivery_id": delivery["delivery_id"]})
    assert (answer.status_code, answer.json()["replayed"]) == (202, 1)
    again = until(lambda: came_to(receiver, "/verdicts")[1:], "the replay")
    assert (again[0][0]["webhook-id"], again[0][1]) == (headers["webhook-id"], body)


@pytest.fixture
def unmoved(stack: LocalStack, ask: Callable[..., httpx.Response]) -> tuple[str, str]:
    """Two of the client's inspections, accepted, which no message moves."""
    model = ask("POST", "/v1/inspections", sample_body()).json()["id"]
    made = new_identifier("insp"), new_identifier("insp")
    with stack.database.open() as connection, connection.cursor() as cursor:
        for inspection_id in made:
            cursor.execute(
                "INSERT INTO rvpxbverification_request_data (inspection_id, client_id, request_hash, state, checklist,"
                " checklist_version, item, photos, expires_at, queued_at, accepted_at, updated_at)"
                " SELECT %s, client_id, request_hash, 'accepted', checklist, checklist_version, item, photos,"
                " expires_at, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6), UTC_TIMESTAMP(6)"
                " FROM rvpxbverification_request_data WHERE inspection_id = %s",
                (inspection_id, model),
            )
        connection.commit()
    return made


def test_ends_that_no_stage_brings_come_as_soon(
    stack: LocalStack,
    desk: Desk,
    client_id: str,
    ask: Callable[..., httpx.Response],
    unmoved: tuple[str, str],
    receiver: HttpEndpoint,
) -> None:
    """Cancelled by its client, ended by the sweeper, a batch at its end; no schedule of `notify` runs meanwhile."""
    desk.endpoint(client_id, "/ends", ("inspection.cancelled", "inspection.expired", "batch.finished"))

    def told() -> dict[str, str]:
        messages = [json.loads(body) for _, body in came_to(receiver, "/ends")]
        return {message["data"]["id"]: message["type"] for message in messages}

    cancelled, expired = unmoved
    assert ask("POST", f"/v1/inspections/{cancelled}/cancel").status_code == 200
    until(lambda: cancelled in told(), "word of the cancelled one", within_s=20)
    with stack.database.open() as connection, connection.cursor() as cursor:
        cursor.execute(
            "UPDATE rvpxbverification_request_data SET expires_at = UTC_TIMESTAMP(6) WHERE inspection_id = %s",
            (expired,),
        )
        connection.commit()
    until(lambda: expired in told(), "word of the expired one", within_s=20)
    batch = ask("POST", "/v1/batches", {"manifest": "not an inspection"}).json()["id"]
    until(lambda: batch in told(), "word of the batch", within_s=20)
    assert told() == {cancelled: "inspection.cancelled", expired: "inspection.expired", batch: "batch.finished"}


def test_a_receiver_that_fails_is_asked_again(
    stack: LocalStack, desk: Desk, client_id: str, ask: Callable[..., httpx.Response], receiver: HttpEndpoint
) -> None:
    endpoint = desk.endpoint(client_id, "/flaky")
    receiver.status = 500
    try:
        tested = ask("POST", f"/v1/webhooks/{endpoint['endpoint_id']}/test")
        assert tested.status_code == 202, tested.text
        until(lambda: came_to(receiver, "/flaky"), "the first attempt")
    finally:
        receiver.status = 200

    def both() -> list[Got]:
        stack.invoke("NotifyFunction", {})  # as its schedule does, which rests here
        got = came_to(receiver, "/flaky")
        return got if len(got) > 1 else []

    first, second = until(both, "the second")[:2]
    assert first[0]["webhook-id"] == second[0]["webhook-id"]
    told = Webhook(endpoint["secret"]).verify(second[1], second[0])
    assert (told["type"], told["data"]) == ("test", {"endpoint_id": endpoint["endpoint_id"]})


def test_410_disables(desk: Desk, client_id: str, ask: Callable[..., httpx.Response], receiver: HttpEndpoint) -> None:
    path = f"/v1/webhooks/{desk.endpoint(client_id, '/gone')['endpoint_id']}"
    receiver.status = 410
    try:
        assert ask("POST", f"{path}/test").status_code == 202
        disabled = until(lambda: ask("GET", path).json()["disabled_at"] and ask("GET", path).json(), "the end")
    finally:
        receiver.status = 200
    assert "410" in disabled["disabled_why"]
    assert ask("POST", f"{path}/test").json()["code"] == "conflict"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "https://127.0.0.1/",
        "http://127.0.0.1:1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:10.0.0.1]/",
        "https://user:password@93.184.216.34/",
        "https://93.184.216.34:8443/",
        "https://localhost/",
    ],
)
def test_an_address_that_leads_inside_is_refused_at_once(ask: Callable[..., httpx.Response], url: str) -> None:
    answer = ask("POST", "/v1/webhooks", {"url": url})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, "unsafe_address", "url")


def test_the_secret_is_in_no_log_and_no_other_answer(
    stack: LocalStack, desk: Desk, client_id: str, ask: Callable[..., httpx.Response], receiver: HttpEndpoint
) -> None:
    endpoint = desk.endpoint(client_id, "/secret")
    path = f"/v1/webhooks/{endpoint['endpoint_id']}"
    rotated = ask("POST", f"{path}/rotate").json()["secret"]
    ask("POST", f"{path}/test")
    headers, body = until(lambda: came_to(receiver, "/secret"), "the message")[0]
    secrets = (endpoint["secret"], rotated)
    for secret in secrets:
        assert Webhook(secret).verify(body, headers)
    shown = [ask("GET", each).text for each in ("/v1/webhooks", path, f"{path}/deliveries")]
    logs = [file.read_text(errors="replace") for file in stack.logs.rglob("*") if file.is_file()]
    assert len(logs) > 3
    for text in (*shown, *logs, json.dumps(headers), body.decode()):
        assert not [secret for secret in secrets if secret.removeprefix("whsec_") in text]
