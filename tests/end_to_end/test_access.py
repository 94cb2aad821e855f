"""The life of a key and the limits of a plan, over HTTP: through the gateway, its usage plans and the authorizer."""

import base64
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from PIL import Image

from scrutineer.local.stack import LocalStack
from tests.end_to_end.desk import CLIENTS, Desk, Issued
from tests.fakes.photos import encode

Final = Callable[..., dict[str, Any]]
REMEMBERED_S = 30  # how long the authorizer goes by what it found
UNKNOWN_KEY = "scr_" + "A" * 43


def me(desk: Desk, key: str) -> int:
    return desk.send("GET", "/v1/me", x_api_key=key).status_code


def inspect(desk: Desk, key: str, body: dict[str, Any]) -> httpx.Response:
    return desk.send("POST", "/v1/inspections", body, x_api_key=key, prefer="respond-async")


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.fixture(scope="module")
def client_id(desk: Desk) -> str:
    return desk.client("Access")


@pytest.fixture(scope="module", autouse=True)
def revoked(desk: Desk, client_id: str) -> tuple[Issued, float]:
    """A key that was in use when it was revoked, and when that was. The last test waits for the rest of its time."""
    key = desk.key(client_id)
    assert me(desk, key.secret) == 200
    desk.revoke(client_id, key.key_id)
    return key, time.monotonic()


# --------------------------------------------------------------------------------------------------------- a key's life


def test_a_key_works_and_its_use_is_noted(desk: Desk, client_id: str) -> None:
    key = desk.key(client_id)
    assert desk.keys(client_id)[key.key_id]["last_used_at"] is None
    assert me(desk, key.secret) == 200
    shown = desk.keys(client_id)[key.key_id]
    used = datetime.fromisoformat(shown["last_used_at"])
    assert abs(datetime.now(UTC) - used) < timedelta(minutes=1)
    assert key.secret.startswith(shown["hint"])
    assert key.secret not in str(shown)


def test_a_rotated_key_works_for_the_overlap_and_no_longer(desk: Desk, client_id: str) -> None:
    old = desk.key(client_id)
    new = desk.rotate(client_id, old.key_id, overlap_s=60)
    assert (me(desk, old.secret), me(desk, new.secret)) == (200, 200)
    newest = desk.rotate(client_id, new.key_id, overlap_s=0)
    # The authorizer may remember `new` itself, which was in use; a key without an overlap that was not is gone at once.
    last = desk.rotate(client_id, newest.key_id, overlap_s=0)
    assert (me(desk, newest.secret), me(desk, last.secret)) == (401, 200)


def test_an_expired_key(desk: Desk, client_id: str) -> None:
    expires_at = datetime.now(UTC) + timedelta(seconds=1)
    key = desk.key(client_id, expires_at=expires_at.isoformat())
    time.sleep(max(0.0, (expires_at - datetime.now(UTC)).total_seconds()) + 0.1)
    assert me(desk, key.secret) == 401


def test_the_keys_of_a_disabled_client(desk: Desk) -> None:
    client_id = desk.client("Disabled")
    key = desk.key(client_id)
    desk.change_client(client_id, disabled=True)
    assert me(desk, key.secret) == 401
    desk.change_client(client_id, disabled=False)
    assert me(desk, key.secret) == 200


def test_unknown_revoked_and_malformed_keys_get_the_same_answer(desk: Desk, client_id: str) -> None:
    key = desk.key(client_id)
    desk.revoke(client_id, key.key_id)
    answers = [desk.send("GET", "/v1/me", x_api_key=each) for each in (UNKNOWN_KEY, key.secret, "x", key.secret[:-1])]
    told = {(each.status_code, re.sub(r'"request_id":"[^"]*"', "", each.text)) for each in answers}
    assert len(told) == 1
    assert problem(answers[0]) == (401, "unauthorized")
    assert len({frozenset(each.headers) for each in answers}) == 1


def test_a_role_and_its_scopes_hold_on_every_route(desk: Desk, client_id: str, body: dict[str, Any]) -> None:
    """What the authorizer found for one route is good for exactly the routes of the role."""
    viewer = desk.key(client_id, "viewer").secret
    reader = desk.key(client_id, "operator", scopes=["inspections:read"]).secret
    for key, may_ask_who in ((viewer, 200), (reader, 403)):
        assert desk.send("GET", "/v1/inspections", x_api_key=key).status_code == 200
        assert problem(inspect(desk, key, body)) == (403, "forbidden")
        assert me(desk, key) == may_ask_who
        assert desk.send("GET", f"{CLIENTS}/{client_id}/keys", x_api_key=key).status_code == 403
        assert desk.send("GET", "/v1/inspections", x_api_key=key).status_code == 200


# --------------------------------------------------------------------------------------------------------------- limits


def on_plan(desk: Desk, name: str, role: str = "operator", **limits: Any) -> tuple[str, str]:
    """A client alone on a plan, and a key of it."""
    client_id = desk.client(name, desk.plan(name, **limits))
    return client_id, desk.key(client_id, role).secret


def left(answer: httpx.Response, limit: str) -> int:
    """`r` of that limit, by the RateLimit header."""
    found = re.search(rf'"{limit}";r=(\d+)', answer.headers["RateLimit"])
    assert found is not None, answer.headers["RateLimit"]
    return int(found[1])


def test_a_days_quota(desk: Desk, body: dict[str, Any]) -> None:
    """For an admin as for anybody; what was rejected does not count."""
    client_id, key = on_plan(desk, "two-a-day", quota_day=2)
    admin = desk.key(client_id, "admin").secret
    dark = base64.b64encode(encode(Image.new("RGB", (640, 640)))).decode()
    first = inspect(desk, key, body)
    assert (first.status_code, left(first, "day")) == (202, 1)
    rejected = desk.send(
        "POST", "/v1/inspections", body | {"photos": [{"data": dark}] * 3}, x_api_key=key, prefer="wait=25"
    )
    assert (rejected.json()["state"], left(rejected, "day")) == ("rejected", 1), rejected.text
    second = inspect(desk, admin, body)
    assert (second.status_code, left(second, "day")) == (202, 0)
    for caller in (key, admin):
        third = inspect(desk, caller, body)
        assert problem(third) == (429, "quota_exceeded")
        assert left(third, "day") == 0
        assert 0 < int(third.headers["Retry-After"]) <= 86_400
        assert '"day";q=2;w=86400' in third.headers["RateLimit-Policy"]
        assert me(desk, caller) == 200  # asking costs nothing
    usage = desk.http.get(f"{CLIENTS}/{client_id}/usage").json()
    assert [(each["task"], each["accepted"], each["refunded"]) for each in usage["days"]] == [("inspect", 3, 1)]


def test_of_forty_at_once_the_last_unit_is_one_inspection(
    desk: Desk, body: dict[str, Any], stored: Callable[..., list[tuple[Any, ...]]]
) -> None:
    client_id, key = on_plan(desk, "one-a-day", quota_day=1)
    barrier = threading.Barrier(40)

    def ask(_: int) -> tuple[int, str]:
        barrier.wait()
        answer = inspect(desk, key, body)
        return (202, "") if answer.status_code == 202 else problem(answer)

    with ThreadPoolExecutor(40) as threads:
        answers = list(threads.map(ask, range(40)))
    assert sorted(answers) == [(202, ""), *[(429, "quota_exceeded")] * 39]
    rows = stored("SELECT COUNT(*) FROM rvpxbverification_request_data WHERE client_id = %s", (client_id,))
    assert rows == [(1,)]


def test_one_at_a_time(stack: LocalStack, desk: Desk, body: dict[str, Any]) -> None:
    _, key = on_plan(desk, "one-at-once", concurrent=1)
    queue = stack.template.queues["PrecheckQueue"].url
    sqs = stack.client("sqs")
    # So that the first is under way for long enough.
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"DelaySeconds": "4"})
    try:
        first = inspect(desk, key, body)
        second = inspect(desk, key, body)
    finally:
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"DelaySeconds": "0"})
    assert (first.status_code, left(first, "running")) == (202, 0)
    assert problem(second) == (429, "too_many_running")
    assert int(second.headers["Retry-After"]) >= 1
    end = time.monotonic() + 30
    while not desk.send("GET", f"/v1/inspections/{first.json()['id']}", x_api_key=key).json()["final"]:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert inspect(desk, key, body).status_code == 202


def test_a_plans_rate_and_a_change_of_it(desk: Desk) -> None:
    """An admin's key is throttled as well; a change made over HTTP is felt at the gateway soon."""
    client_id, key = on_plan(desk, "slow", "admin", rate_per_s=1, burst=2)
    answers = [desk.send("GET", "/v1/me", x_api_key=key) for _ in range(8)]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert answers[0].status_code == 200
    assert {(*problem(answer), answer.headers["Retry-After"]) for answer in refused} == {
        (429, "too_many_requests", "1")
    }
    for rate, wanted in ((1000, 200), (1, 429)):
        desk.plan("slow", rate_per_s=rate, burst=max(2, rate))
        changed = time.monotonic()
        while [me(desk, key) for _ in range(6)][-3:] != [wanted] * 3:
            assert time.monotonic() - changed < 15, f"still not {wanted}"
    assert desk.http.get(f"{CLIENTS}/{client_id}").status_code == 200  # other clients are not throttled


# ------------------------------------------------------------------------------------------------------ at last


def test_a_key_that_was_in_use_is_refused_half_a_minute_after_its_revocation(
    desk: Desk, revoked: tuple[Issued, float]
) -> None:
    """By every process of the authorizer: several are asked at once."""
    key, since = revoked
    time.sleep(max(0.0, since + REMEMBERED_S - time.monotonic()))
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda _: me(desk, key.secret), range(24))) == [401] * 24
