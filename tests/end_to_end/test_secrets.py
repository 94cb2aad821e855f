"""Secrets and contents are planted in good and bad requests of every kind, then looked for wherever anything is kept.

A credential is kept nowhere. The text of an item is in the row of its request, in the capture of what the model was
asked and in the archived result; a photo's bytes are in the bucket, as they were sent, below `photos/`. Neither is
elsewhere.
"""

import base64
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from botocore.credentials import Credentials

from scrutineer.local.stack import LocalStack
from tests.end_to_end.desk import Desk, sample_body
from tests.end_to_end.issuer import ISSUER, Issuer, new_key
from tests.end_to_end.signing import credentials_of, sign
from tests.fakes.photos import encode, scene

Final = Callable[..., dict[str, Any]]
Stored = Callable[..., list[tuple[Any, ...]]]
DEAD_LETTERS = ("PrecheckDeadLetters", "InvokeDeadLetters", "FormatDeadLetters")


@dataclass(frozen=True)
class Planted:
    """What was sent, by what it is. `inspections` are ids, `answers` all that came back but where a key is issued."""

    credentials: Mapping[str, str]
    item: str
    photo: bytes
    message: str
    inspections: Mapping[str, str]
    answers: tuple[httpx.Response, ...]


def spoken(name: str) -> str:
    """A secret of the kind that people put into texts, and nobody else has."""
    return f"whsec_{name}{secrets.token_hex(16)}"


def marked(mark: bytes) -> bytes:
    """A usable photo with a comment that is nowhere in its pixels."""
    return encode(scene(7), quality=90, comment=mark)


def body_of(item: str, photo: bytes) -> dict[str, Any]:
    body = sample_body()
    body["item"] = {"description": f"red shoe {item}", "sku": item, "attributes": {item: item}}
    body["photos"][0]["data"] = base64.b64encode(photo).decode()
    return body


@pytest.fixture(scope="module")
def planted(stack: LocalStack, desk: Desk, anybody: httpx.Client, issuer: Issuer) -> Planted:
    message, item, mark = spoken("message"), spoken("item"), secrets.token_hex(24).encode()
    sqs, queue = stack.client("sqs"), stack.template.queues["PrecheckQueue"].url
    usual = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["VisibilityTimeout"])["Attributes"]
    # So that it comes back, and at last to the dead letters, while the rest is under way.
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "1"})
    try:
        sqs.send_message(QueueUrl=queue, MessageBody=f"no JSON {message}")
        client_id = desk.client("Secrets")
        first = desk.key(client_id)
        rotated = desk.rotate(client_id, first.key_id, overlap_s=3600)
        ended = desk.key(client_id)
        desk.revoke(client_id, ended.key_id)
        desk.member(client_id, ISSUER, "secretive")
        token, forged = issuer.token("secretive"), issuer.token("secretive", key=new_key())
        anything = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": f"{stack.api_arn}/*"}
        machine = stack.create_machine("secretive", {"Version": "2012-10-17", "Statement": [anything]})
        desk.member(client_id, "iam", machine.arn)
        photo = marked(mark)
        body = body_of(item, photo)
        url = f"{stack.url}/iam/v1/inspections"
        signed = sign(url, credentials_of(machine), "POST", body)
        missigned = sign(url, Credentials(machine.access_key_id, spoken("wrong")), "POST", body)
        credentials = {
            "a key": first.secret,
            "a rotated key": rotated.secret,
            "a revoked key": ended.secret,
            "an unknown key": f"scr_{secrets.token_urlsafe(32)}",
            "a malformed key": f"scr_{secrets.token_hex(100)}",
            "a token": token,
            "a token's signature": token.rpartition(".")[2],
            "a forged token": forged,
            "half a token": token.rpartition(".")[0],
            "an oversized token": f"{token}.{'x' * 1500}",
            "a signature": signed.headers["Authorization"].rpartition("=")[2],
            "a wrong signature": missigned.headers["Authorization"].rpartition("=")[2],
            "a machine's secret": machine.secret,
            "a password": secrets.token_hex(16),
        }
        good = {
            "by key": desk.send("POST", "/v1/inspections", body, x_api_key=first.secret),
            "by rotated key": desk.send("POST", "/v1/inspections", body, x_api_key=rotated.secret),
            "by token": desk.send("POST", "/v1/inspections", body, authorization=f"Bearer {token}"),
            "by signature": anybody.send(signed),
        }
        bad = [anybody.send(missigned), *refused(desk, credentials), *unusable(desk, first.secret, body, item)]
        inspections = {name: answer.json()["id"] for name, answer in good.items()}
        answers = (*good.values(), *bad)
        wait_for_dead_letter(stack, message)
    finally:
        sqs.set_queue_attributes(QueueUrl=queue, Attributes=usual)
    return Planted(credentials, item, photo, message, inspections, answers)


def refused(desk: Desk, credentials: Mapping[str, str]) -> Iterator[httpx.Response]:
    """Every credential as key, as token, as signature, in the address; each answer is a refusal or a not found."""
    for secret in credentials.values():
        body, path = sample_body(), "/v1/inspections"
        for method, content in (("GET", None), ("POST", body)):
            yield desk.send(method, path, content, x_api_key=secret, authorization=f"Bearer {secret}")
            yield desk.send(method, path, content, authorization=secret)
            yield desk.send(method, f"/iam{path}", content, authorization=f"AWS4-HMAC-SHA256 Signature={secret}")
            yield desk.send(method, f"{path}/{secret}?x-api-key={secret}", content)
    for name in ("a revoked key", "an unknown key", "a malformed key"):
        yield desk.send("GET", "/v1/me", x_api_key=credentials[name])
    for name in ("a forged token", "half a token", "an oversized token"):
        yield desk.send("GET", "/v1/me", authorization=f"Bearer {credentials[name]}")
    yield desk.send("GET", "/v1/me", authorization=f"Basic {credentials['a password']}")


def unusable(desk: Desk, key: str, body: dict[str, Any], item: str) -> Iterator[httpx.Response]:
    """Requests of somebody who may, with the item's text in every wrong place."""
    wrong: list[Any] = [
        body | {item: item},
        body | {"item": item},
        body | {"item": {"description": item * 20}},
        body | {"item": {**body["item"], "secret": item}},
        body | {"checklist": item},
        body | {"photos": [{"data": item}] * 3},
        body | {"photos": [{"data": base64.b64encode(item.encode()).decode()}] * 3},
        body | {"photos": body["photos"][:1]},
        [body],
        item,
    ]
    for each in wrong:
        yield desk.send("POST", "/v1/inspections", each, x_api_key=key)
    yield desk.send("POST", "/v1/inspections", body, x_api_key=key, idempotency_key=f"{item} {item}")
    for query in (f"cursor={item}", f"state={item}", f"limit={item}"):
        yield desk.send("GET", f"/v1/inspections?{query}", x_api_key=key)
    yield desk.send("GET", f"/v1/inspections/{item}", x_api_key=key)
    yield desk.send("GET", f"/v1/{item}", x_api_key=key)
    yield desk.send("POST", "/v1/embeddings/text", {"texts": [item], item: item}, x_api_key=key)
    yield desk.send("POST", "/v1/descriptions", {"photos": [{"data": item}]}, x_api_key=key)
    yield desk.send("POST", "/v1/admin/clients", {"name": item, item: item}, x_api_key=key)


def wait_for_dead_letter(stack: LocalStack, message: str) -> None:
    end = time.monotonic() + 30
    while message not in str(dead_letters(stack)):
        assert time.monotonic() < end, "the message never came to the dead letters"
        time.sleep(0.2)


def dead_letters(stack: LocalStack) -> list[str]:
    """Their messages, which stay where they are."""
    sqs, found = stack.client("sqs"), []
    for name in DEAD_LETTERS:
        url = stack.template.queues[name].url
        for _ in range(10):
            received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
            found += [json.dumps(message) for message in received.get("Messages", [])]
    return found


@pytest.fixture(scope="module")
def finished(planted: Planted, stack: LocalStack) -> None:
    """All that was accepted has come to its end, and to the archive."""
    marks = ", ".join(["%s"] * len(planted.inspections))
    end = time.monotonic() + 60
    with stack.database.open() as connection, connection.cursor() as cursor:
        while True:
            cursor.execute(
                "SELECT COUNT(*) FROM rvpxbverification_request_data WHERE archived_at IS NOT NULL"
                f" AND inspection_id IN ({marks})",
                tuple(planted.inspections.values()),
            )
            connection.commit()
            if cursor.fetchone() == (len(planted.inspections),):
                return
            assert time.monotonic() < end
            time.sleep(0.1)


@pytest.fixture(scope="module")
def logs(stack: LocalStack, finished: None) -> dict[str, str]:
    """Of every part."""
    return {path.name: path.read_text(errors="replace") for path in stack.logs.iterdir()}


@pytest.fixture(scope="module")
def rows(stack: LocalStack, finished: None) -> dict[str, str]:
    """All that the database holds, by table and column."""
    found: dict[str, str] = {}
    with stack.database.open() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = DATABASE()")
        for table, column in cursor.fetchall():
            cursor.execute(f"SELECT `{column}` FROM `{table}`")
            found[f"{table}.{column}"] = "\n".join(
                value.decode("latin-1") if isinstance(value, bytes) else str(value) for (value,) in cursor.fetchall()
            )
    return found


@pytest.fixture(scope="module")
def objects(stack: LocalStack, finished: None, planted: Planted) -> dict[str, bytes]:
    """All that the bucket holds, by key."""
    s3 = stack.client("s3")
    (bucket,) = (each.name for each in stack.template.buckets.values())
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def traces(photo: bytes) -> list[str]:
    """Pieces of a photo as it may be written: its comment, and its base64 from three places."""
    encoded = base64.b64encode(photo).decode()
    comment = photo[photo.index(b"\xff\xfe") + 4 :][:48].decode()
    return [comment, *(encoded[at : at + 60] for at in (0, 4000, len(encoded) - 61))]


def test_the_good_requests_were_good_and_the_bad_ones_bad(planted: Planted) -> None:
    good, bad = planted.answers[:4], planted.answers[4:]
    assert {answer.status_code for answer in good} <= {200, 202}
    assert {answer.status_code for answer in bad} >= {400, 401, 403, 404}
    taken = [f"{answer.request.method} {answer.url}: {answer.text}" for answer in bad if answer.status_code // 100 != 4]
    assert taken == []


def test_no_credential_is_kept_anywhere(
    stack: LocalStack,
    planted: Planted,
    logs: Mapping[str, str],
    rows: Mapping[str, str],
    objects: Mapping[str, bytes],
) -> None:
    places = {
        **logs,
        **rows,
        **{key: data.decode("latin-1") for key, data in objects.items()},
        "dead letters": str(dead_letters(stack)),
        "answers": "\n".join(f"{answer.headers} {answer.text}" for answer in planted.answers),
    }
    for place, text in places.items():
        for name, secret in planted.credentials.items():
            assert secret not in text, f"{place} holds {name}"


def test_an_items_text_is_in_its_row_its_capture_and_its_result_alone(
    stack: LocalStack,
    planted: Planted,
    logs: Mapping[str, str],
    rows: Mapping[str, str],
    objects: Mapping[str, bytes],
) -> None:
    assert [name for name, text in logs.items() if planted.item in text] == []
    assert [name for name, text in rows.items() if planted.item in text] == ["rvpxbverification_request_data.item"]
    holding = [key for key, data in objects.items() if planted.item.encode() in data]
    kept = [f"{inspection_id}.json" for inspection_id in planted.inspections.values()]
    assert sorted(key.rpartition("/")[2] for key in holding) == sorted(kept * 2)
    assert {key.partition("/")[0] for key in holding} == {"captures", "results"}
    assert planted.item not in str(dead_letters(stack))


def test_a_photos_bytes_are_where_photos_are_kept_alone(
    stack: LocalStack,
    planted: Planted,
    logs: Mapping[str, str],
    rows: Mapping[str, str],
    objects: Mapping[str, bytes],
) -> None:
    elsewhere = {**logs, **rows, "dead letters": str(dead_letters(stack))}
    elsewhere |= {key: data.decode("latin-1") for key, data in objects.items() if not key.startswith("photos/")}
    assert any(key.startswith("prepared/") for key in elsewhere)
    assert any(key.startswith("captures/") for key in elsewhere)
    for place, text in elsewhere.items():
        for trace in traces(planted.photo):
            assert trace not in text, f"{place} holds {trace}"
    for inspection_id in planted.inspections.values():
        assert objects[f"photos/{inspection_id}/0"] == planted.photo


def test_what_stood_in_a_message_is_in_no_log(planted: Planted, logs: Mapping[str, str]) -> None:
    """Of one that could not be read, five times; the dead letters have it, for whoever looks into them."""
    assert [name for name, text in logs.items() if planted.message in text] == []


def test_the_logs_tell_what_happened_without_it(planted: Planted, logs: Mapping[str, str]) -> None:
    """Or else there would be nothing to search."""
    everything = "\n".join(logs.values())
    assert all(inspection_id in everything for inspection_id in planted.inspections.values())
    metrics = [line for line in everything.splitlines() if '"CloudWatchMetrics"' in line]
    for name in ("KeyRefused", "TokenRefused", "InspectionsAccepted", "EndpointCalls"):
        assert any(name in line for line in metrics), f"no metric {name}"
    assert "credential refused" in logs["AuthorizerFunction.log"]
