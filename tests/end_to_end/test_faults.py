"""Nothing accepted is lost and nothing has two results, with real processes killed and real servers stopped."""

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import httpx

from scrutineer.local.stack import LocalStack

Final = Callable[..., dict[str, Any]]
Stored = Callable[..., list[tuple[Any, ...]]]
WORKERS = ("PrecheckFunction", "InvokeFunction", "FormatFunction")


def accept(client: httpx.Client, body: dict[str, Any], count: int) -> list[str]:
    def one(number: int) -> str:
        answer = client.post("/v1/inspections", json=body, headers={"Prefer": "respond-async"})
        assert answer.status_code == 202, answer.text
        inspection_id: str = answer.json()["id"]
        return inspection_id

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(one, range(count)))


def assert_each_has_one_result(ids: list[str], stored: Stored) -> None:
    marks = ", ".join(["%s"] * len(ids))
    results = stored(f"SELECT inspection_id FROM rvpxbverification WHERE inspection_id IN ({marks})", tuple(ids))
    failures = stored(f"SELECT inspection_id FROM rvpxbverification_fail WHERE inspection_id IN ({marks})", tuple(ids))
    assert sorted(row[0] for row in results + failures) == sorted(ids)


def test_workers_killed_at_random_moments(
    stack: LocalStack, client: httpx.Client, body: dict[str, Any], final: Final, stored: Stored
) -> None:
    seed = random.Random(20)
    done = threading.Event()
    killed: list[int] = []

    def kill_now_and_then() -> None:
        while not done.is_set() and len(killed) < 20:
            slots = [slot for worker in WORKERS for slot in stack.functions[worker].slots() if slot.busy]
            if slots:
                pid = seed.choice(slots).pid
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)
            done.wait(seed.uniform(0.02, 0.3))

    killer = threading.Thread(target=kill_now_and_then)
    killer.start()
    try:
        ids = accept(client, body, 16)
        time.sleep(4)
    finally:
        done.set()
        killer.join()
    assert killed, "the test killed nobody"
    states = [final(inspection_id, within_s=120)["state"] for inspection_id in ids]
    assert_each_has_one_result(ids, stored)
    assert set(states) <= {"passed", "failed", "review", "error"}
    assert len(set(ids)) == 16


def test_a_message_delivered_five_times_at_once(
    stack: LocalStack, client: httpx.Client, body: dict[str, Any], final: Final, stored: Stored
) -> None:
    (inspection_id,) = accept(client, body, 1)
    sqs = stack.client("sqs")
    message = f'{{"inspection_id": "{inspection_id}"}}'
    for name in ("PrecheckQueue", "InvokeQueue", "FormatQueue"):
        url = stack.template.queues[name].url
        with ThreadPoolExecutor(5) as pool:
            list(pool.map(lambda _, url=url: sqs.send_message(QueueUrl=url, MessageBody=message), range(5)))
    first = final(inspection_id)
    time.sleep(1)
    assert final(inspection_id) == first
    assert_each_has_one_result([inspection_id], stored)


def test_poison_goes_to_the_dead_letters_and_harms_nobody(
    stack: LocalStack, client: httpx.Client, body: dict[str, Any], final: Final
) -> None:
    sqs = stack.client("sqs")
    queues = stack.template.queues
    sqs.send_message(QueueUrl=queues["PrecheckQueue"].url, MessageBody="not JSON")
    (inspection_id,) = accept(client, body, 1)
    assert final(inspection_id)["verdict"] is not None
    received = sqs.get_queue_attributes(
        QueueUrl=queues["PrecheckQueue"].url, AttributeNames=["ApproximateNumberOfMessagesNotVisible"]
    )
    assert int(received["Attributes"]["ApproximateNumberOfMessagesNotVisible"]) >= 1, "the poison was acknowledged"


def test_the_container_killed_in_the_middle(
    stack: LocalStack, client: httpx.Client, body: dict[str, Any], final: Final, stored: Stored
) -> None:
    container = stack.container
    assert container is not None
    ids = accept(client, body, 4)
    container.kill()
    time.sleep(1)
    container.start()
    states = {final(inspection_id, within_s=120)["state"] for inspection_id in ids}
    assert states <= {"passed", "failed", "review"}
    assert_each_has_one_result(ids, stored)


def test_the_database_stopped_for_20_s(
    stack: LocalStack, client: httpx.Client, body: dict[str, Any], final: Final, stored: Stored
) -> None:
    ids = accept(client, body, 6)
    stack.database_server.stop()
    stopped = time.monotonic()
    refused = client.post("/v1/inspections", json=body, headers={"Idempotency-Key": "during-the-outage"})
    assert refused.status_code == 503, refused.text
    assert refused.json()["code"] == "unavailable"
    assert int(refused.headers["retry-after"]) >= 1
    time.sleep(max(0.0, 20 - (time.monotonic() - stopped)))
    stack.database_server.start()
    again = client.post("/v1/inspections", json=body, headers={"Idempotency-Key": "during-the-outage"})
    assert again.status_code in (200, 202), again.text
    ids.append(again.json()["id"])
    assert {final(inspection_id, within_s=120)["state"] for inspection_id in ids} <= {"passed", "failed", "review"}
    assert_each_has_one_result(ids, stored)
