"""Cancel, time to live, events and dead letters against the whole stack."""

import json
import time
from collections.abc import Callable
from typing import Any

import httpx

from scrutineer.client import Client
from scrutineer.local.stack import LocalStack
from tests.end_to_end.desk import Desk, sample_body

Final = Callable[..., dict[str, Any]]
Stored = Callable[..., list[tuple[Any, ...]]]
DEAD = "/v1/admin/dead-letters"


def accept(client: httpx.Client, **fields: Any) -> str:
    answer = client.post("/v1/inspections", json={**sample_body(), **fields}, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202, answer.text
    inspection_id: str = answer.json()["id"]
    return inspection_id


def usage(client: httpx.Client) -> tuple[int, int]:
    """(running, counted today)"""
    me = client.get("/v1/me").json()
    found = client.get(f"/v1/admin/clients/{me['client_id']}/usage").json()
    return found["running"], found["today"]


def test_cancelled_whatever_the_workers_do(client: httpx.Client, final: Final, stored: Stored, desk: Desk) -> None:
    """Many at once, each cancelled at another moment of its life: one end each, usage settled."""
    key = desk.key(desk.client("Cancels", desk.plan("cancels", default_wait_s=0)), "client-admin").secret
    with httpx.Client(base_url=client.base_url, headers={"x-api-key": key}, timeout=40, trust_env=False) as own:
        ids, answers = [], []
        for number in range(8):
            ids.append(accept(own))
            time.sleep(0.05 * number)  # the first one at once
            answers.append(own.post(f"/v1/inspections/{ids[-1]}/cancel"))
        assert {answer.status_code for answer in answers} <= {200, 409}
        for inspection_id, answer in zip(ids, answers, strict=True):
            found = own.get(f"/v1/inspections/{inspection_id}").json()
            assert found["final"]
            assert (found["state"] == "cancelled") == (answer.status_code == 200), answer.text
        assert "cancelled" in {answer.json().get("state") for answer in answers}
        time.sleep(3)  # for whatever is still under way
        ends = [
            row
            for table in ("rvpxbverification", "rvpxbverification_fail")
            for each in ids
            for row in stored(f"SELECT inspection_id FROM {table} WHERE inspection_id = %s", (each,))
        ]
        assert sorted(row[0] for row in ends) == sorted(ids)
        running, today = usage(own)
        (accepted, refunded), *_ = stored(
            "SELECT d.accepted, d.refunded FROM client_usage_days d JOIN clients c ON c.client_id = d.client_id"
            " WHERE c.name = 'Cancels'"
        )
        assert (running, today) == (0, accepted - refunded)


def test_what_is_final_is_not_cancelled(client: httpx.Client, final: Final) -> None:
    inspection_id = accept(client)
    before = final(inspection_id)
    refused = client.post(f"/v1/inspections/{inspection_id}/cancel")
    assert (refused.status_code, refused.json()["code"]) == (409, "already_final")
    assert final(inspection_id) == before


def test_expired_when_its_time_is_over(stack: LocalStack, client: httpx.Client, final: Final) -> None:
    """While the model is away nothing moves it, but for its time."""
    container = stack.container
    assert container is not None
    container.kill()
    try:
        inspection_id = accept(client, expires_in_s=10)
        found = final(inspection_id, within_s=25)
    finally:
        container.start()
    assert (found["state"], found["failure"]["code"]) == ("expired", "expired")
    assert found["expires_at"] <= found["finished_at"]


def test_events_as_they_happen(stack: LocalStack, client: httpx.Client, key: str, final: Final) -> None:
    inspection_id = accept(client)
    with Client(stack.url, key) as follower:
        followed = list(follower.follow(inspection_id))
    listed = client.get(f"/v1/inspections/{inspection_id}/events").json()["events"]
    assert followed == listed
    assert [event["state"] for event in listed[:-1]] == ["accepted", "prechecked", "inferred"]
    assert listed[-1]["state"] == final(inspection_id)["state"]
    last = {"Accept": "text/event-stream", "Last-Event-ID": str(len(listed))}
    assert client.get(f"/v1/inspections/{inspection_id}/events", headers=last).status_code == 204


def test_dead_letters_are_listed_and_sent_again(stack: LocalStack, client: httpx.Client, final: Final) -> None:
    sqs, dead = stack.client("sqs"), stack.template.queues["FormatDeadLetters"].url
    inspection_id = accept(client)
    final(inspection_id)
    sqs.send_message(QueueUrl=dead, MessageBody=json.dumps({"inspection_id": inspection_id}))
    sqs.send_message(QueueUrl=dead, MessageBody="a SECRET that is none of ours")
    listed = client.get(DEAD, params={"stage": "format"})
    assert "SECRET" not in listed.text
    by_inspection = {each["inspection_id"]: each for each in listed.json()["dead_letters"]}
    assert set(by_inspection) == {inspection_id, None}
    assert by_inspection[inspection_id]["why"] == "The inspection has its verdict; nothing is left to do."
    one = {"stage": "format", "message_id": by_inspection[inspection_id]["message_id"]}
    tried = client.post(f"{DEAD}/redrive", json=one, params={"dry_run": "true"}).json()
    assert (tried["before"]["dead_letters"], tried["after"]["dead_letters"]) == ([one["message_id"]], [])
    assert client.post(f"{DEAD}/redrive", json=one).json()["inspection_ids"] == [inspection_id]
    rest = client.post(f"{DEAD}/redrive", json={"stage": "format"}).json()
    assert (rest["inspection_ids"], rest["kept"]) == ([], 1)
    audited = client.get("/v1/admin/audit", params={"action": "dead-letters:redrive"}).json()["lines"]
    assert audited[1]["target"] == one["message_id"]
    sqs.purge_queue(QueueUrl=dead)
