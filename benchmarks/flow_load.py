"""Callers of a running local stack, and one watcher that reads from the rows which of their inspections are final, so
that waiting costs the stack one query at a time, however many wait.
"""

import json
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import httpx
import pymysql

from benchmarks.overhead import EVENT, unthrottled_key
from benchmarks.report import console, percentile
from scrutineer.local.settings import StackSettings
from scrutineer.local.stack import LocalStack

WORKER_SLOTS = 6  # more processes than that only take turns on few cores
PATIENCE_S = 90.0
FINAL = "('passed', 'failed', 'review', 'rejected', 'error', 'cancelled', 'expired')"


@dataclass
class Asked:
    """One request: moments of a monotonic clock; `final` None until it is known to be."""

    start: float
    status: int = 0
    told: float = 0.0
    inspection_id: str = ""
    final: float | None = None
    done: threading.Event = field(default_factory=threading.Event)


class Bench:
    """A running stack, callers, and the watcher of their inspections."""

    def __init__(self, stack: LocalStack, http: httpx.Client) -> None:
        self.stack = stack
        self._http = http
        self._body = json.loads(EVENT.read_text())["body"]
        self._waiting: dict[str, Asked] = {}
        self._lock = threading.Lock()
        self._callers = ExitStack()
        self._closing = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="watcher", daemon=True)
        self._watcher.start()

    def close(self) -> None:
        self._closing.set()
        self._watcher.join(5)
        self._callers.close()

    def caller(self, name: str) -> httpx.Client:
        """With a key of a new client's own, on the first client's plan."""
        client_id = self._made("/v1/admin/clients", {"name": name, "plan": "standard"})["client_id"]
        key = self._made(f"/v1/admin/clients/{client_id}/keys", {"name": name, "role": "operator"})["key"]
        return self._callers.enter_context(_http(self.stack, key))

    def _made(self, path: str, body: dict[str, str]) -> dict[str, Any]:
        answer = self._http.post(path, json=body)
        answer.raise_for_status()
        made: dict[str, Any] = answer.json()
        return made

    def ask(self, caller: httpx.Client | None = None) -> Asked:
        """One request of the first client's or `caller`, answered or refused; status 0 where there was no answer."""
        asked = Asked(time.monotonic())
        with suppress(httpx.HTTPError):
            answer = (caller or self._http).post("/v1/inspections", content=self._body)
            asked.status = answer.status_code
            if asked.status == 202:
                asked.inspection_id = answer.json()["id"]
        asked.told = time.monotonic()
        if asked.inspection_id:
            with self._lock:
                self._waiting[asked.inspection_id] = asked
        return asked

    def burst(self, concurrency: int, count: int) -> list[Asked]:
        """`count` requests, `concurrency` at once; returns when all of them are final."""
        with ThreadPoolExecutor(concurrency) as callers:
            asked = list(callers.map(lambda _: self.ask(), range(count)))
        self._must_be_final(asked)
        return asked

    def closed_loop(self, concurrency: int, count: int) -> list[Asked]:
        """`concurrency` callers, each asking again when its inspection is final."""

        def one(_: int) -> Asked:
            asked = self.ask()
            asked.done.wait(PATIENCE_S)
            return asked

        with ThreadPoolExecutor(concurrency) as callers:
            asked = list(callers.map(one, range(count)))
        self._must_be_final(asked)
        return asked

    def open_loop(self, per_s: float, lasts_s: float, callers: Sequence[httpx.Client] = ()) -> list[Asked]:
        """Requests at a steady rate, whoever is still waiting; of the first client, or of `callers` in turn."""
        start = time.monotonic()
        turns = cycle(callers or (self._http,))
        waiting = []
        with ThreadPoolExecutor(64) as threads:
            for number in range(int(per_s * lasts_s)):
                time.sleep(max(0.0, start + number / per_s - time.monotonic()))
                waiting.append(threads.submit(self.ask, next(turns)))
            time.sleep(max(0.0, start + lasts_s - time.monotonic()))
            return [each.result() for each in waiting]

    def watch_until_final(self, asked: Sequence[Asked], limit_s: float) -> None:
        end = time.monotonic() + limit_s
        for each in asked:
            if each.inspection_id:
                each.done.wait(max(0.0, end - time.monotonic()))

    def hops(self, asked: Sequence[Asked]) -> list[dict[str, float]]:
        """Milliseconds from one state to the next, by the database's clock."""
        marks = ", ".join(["%s"] * len(asked))
        steps = {
            "precheck": ("accepted", "prechecked"),
            "invoke": ("prechecked", "inferred"),
            "format": ("inferred", "finished"),
        }
        columns = ", ".join(
            f"TIMESTAMPDIFF(MICROSECOND, {start}_at, {end}_at) / 1000 AS {stage}"
            for stage, (start, end) in steps.items()
        )
        with self.stack.database.open() as connection, connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {columns} FROM rvpxbverification_request_data WHERE inspection_id IN ({marks})"
                " AND inferred_at IS NOT NULL",
                [each.inspection_id for each in asked],
            )
            return [dict(zip(steps, map(float, row), strict=True)) for row in cursor.fetchall()]

    def _must_be_final(self, asked: Sequence[Asked]) -> None:
        self.watch_until_final(asked, PATIENCE_S)
        if refused := [each.status for each in asked if each.final is None]:
            raise RuntimeError(
                f"{len(refused)} of {len(asked)} requests came to no end; they were answered {refused[:5]}"
            )

    def _watch(self) -> None:
        while not self._closing.wait(0.02):
            with self._lock:
                ids = list(self._waiting)
            if not ids:
                continue
            try:
                with self.stack.database.open(autocommit=True) as connection, connection.cursor() as cursor:
                    while not self._closing.is_set() and ids:
                        cursor.execute(
                            "SELECT inspection_id FROM rvpxbverification_request_data"
                            f" WHERE inspection_id IN ({', '.join(['%s'] * len(ids))}) AND state IN {FINAL}",
                            ids,
                        )
                        self._found([inspection_id for (inspection_id,) in cursor.fetchall()])
                        time.sleep(0.01 + len(ids) / 20_000)
                        with self._lock:
                            ids = list(self._waiting)
            except pymysql.err.MySQLError:
                time.sleep(0.1)  # it is away, as was asked for

    def _found(self, ids: Sequence[str]) -> None:
        now = time.monotonic()
        for inspection_id in ids:
            with self._lock:
                asked = self._waiting.pop(inspection_id)
            asked.final = now
            asked.done.set()


@contextmanager
def running(endpoint: str, **parameters: str) -> Iterator[Bench]:
    """A stack in front of the endpoint, with few slots and a client without limits that are near."""
    settings = StackSettings(
        endpoint_url=endpoint,
        parameters=parameters,
        warm_slots=2,
        default_max_slots=WORKER_SLOTS,
        max_slots={"PrecheckFunction": WORKER_SLOTS, "InvokeFunction": WORKER_SLOTS, "FormatFunction": WORKER_SLOTS},
    )
    with LocalStack(settings, progress=console.print) as stack, _http(stack, unthrottled_key(stack)) as http:
        bench = Bench(stack, http)
        try:
            yield bench
        finally:
            bench.close()


def _http(stack: LocalStack, key: str) -> httpx.Client:
    headers = {"x-api-key": key, "content-type": "application/json", "prefer": "respond-async"}
    limits = httpx.Limits(max_connections=64)
    return httpx.Client(base_url=stack.url, headers=headers, timeout=40, trust_env=False, limits=limits)


def final_at(asked: Asked) -> float:
    assert asked.final is not None
    return asked.final


def p95_s(asked: Sequence[Asked]) -> float:
    """Of those that were accepted; one that came to no end counts for ever, and no request at all does too."""
    spent = [each.final - each.start if each.final else float("inf") for each in asked if each.status == 202]
    return percentile(spent, 0.95) if spent else float("inf")
