"""What hard limits cost where an inspection is accepted, and what a usage plan's throttle lets through.

Accepting runs here as it does in its function: photos to S3 (moto), one transaction in a durable MariaDB, a message to
the queue. Its baseline differs in one thing: the transaction only inserts. Both take turns, so a busy machine slows
them alike.
"""

import json
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import httpx
from botocore.config import Config

from benchmarks.report import console, median
from core.accept import Accept
from core.contract import InspectionInput
from core.database import Database
from core.handover import Handover
from core.hours import service_hours
from core.inspection_records import InspectionRecords, NewRequest
from core.lanes import Lane
from core.queues import SqsQueue
from core.service import Service
from core.settings import DatabaseSettings
from core.states import State
from core.storage import S3ObjectStore
from core.usage import UsageRecords
from scrutineer.cli.stack import first_key
from scrutineer.local.intrinsics import STACK_NAME
from scrutineer.local.settings import ROOT, StackSettings
from scrutineer.local.stack import LocalStack
from scrutineer.local.template_model import ACCOUNT
from scrutineer.local.usage_plans import allowance

EVENT = ROOT / "events" / "inspections-create.json"
CALLERS, ROUNDS = 8, 6
AIM_SHARE = 0.9
RATE_PER_S, BURST, THROTTLED_S, OFFERED_PER_S = 10, 20, 10.0, 40
AIM_DEVIATION = 0.05


@dataclass(frozen=True)
class Figures:
    title: str
    rows: list[dict[str, Any]]
    more: dict[str, Any]


class WithoutLimits(InspectionRecords):
    """Accepts as before there were limits: the row, and nothing counted."""

    def add(self, request: NewRequest) -> None:
        self._database.transaction(lambda transaction: self._insert(transaction, request))


def accepting(requests: int) -> Figures:
    """`requests` in each of ROUNDS turns, by CALLERS at once: for one client (its row of usage is everybody's), and for
    as many clients as callers."""
    rows: list[dict[str, Any]] = []
    with unserved_stack() as stack:
        for clients in (1, CALLERS):
            ids = [add_client(stack, f"client_{clients}_{number}") for number in range(clients)]
            spent = {"inserting alone": WithoutLimits, "with limits": InspectionRecords}
            per_s: dict[str, list[float]] = {way: [] for way in spent}
            with accepters(stack, spent) as ways:
                for number in range(ROUNDS + 1):
                    for way, callers in ways.items():
                        measured = accepted_per_s(callers, ids, requests)
                        if number:  # the first turn opens connections
                            per_s[way].append(measured)
            baseline = median(per_s["inserting alone"])
            rows += [
                {
                    "clients": clients,
                    "way": way,
                    "accepted a second": median(figures),
                    "spread": statistics.pstdev(figures),
                    "of the baseline": median(figures) / baseline,
                }
                for way, figures in per_s.items()
            ]
            console.print(f"{clients} client(s): {rows[-1]['of the baseline']:.2f} of the baseline")
    least = min(row["of the baseline"] for row in rows)
    return Figures(
        f"Accepting, {CALLERS} at once, {ROUNDS} turns of {requests}",
        rows,
        {"aim_share": AIM_SHARE, "aim_met": least >= AIM_SHARE},
    )


def throttle(_: int) -> Figures:
    """Requests at a steady OFFERED_PER_S through the real gateway for THROTTLED_S, against the bucket's arithmetic."""
    with unserved_stack() as stack:
        with stack.database.open() as connection, connection.cursor() as cursor:
            cursor.execute("UPDATE plans SET rate_per_s = %s, burst = %s", (RATE_PER_S, BURST))
            connection.commit()
        key = first_key(stack)
        statuses: list[int] = []
        with httpx.Client(base_url=stack.url, headers={"x-api-key": key}, timeout=30, trust_env=False) as client:
            client.get("/v1/me")  # the functions are up, and the key's one request is earned back while we wait
            time.sleep(BURST / RATE_PER_S)
            with ThreadPoolExecutor(OFFERED_PER_S) as callers:
                start = time.perf_counter()
                waiting = []
                for number in range(int(THROTTLED_S * OFFERED_PER_S)):
                    time.sleep(max(0.0, start + number / OFFERED_PER_S - time.perf_counter()))
                    waiting.append(callers.submit(lambda: client.get("/v1/me").status_code))
                took_s = time.perf_counter() - start
                statuses = [answer.result() for answer in waiting]
    admitted, expected = statuses.count(200), allowance(RATE_PER_S, BURST, took_s)
    row = {
        "offered": len(statuses),
        "let through": admitted,
        "by the bucket": round(expected),
        "deviation": abs(admitted - expected) / expected,
        "refused with 429": statuses.count(429),
        "other answers": len(statuses) - admitted - statuses.count(429),
    }
    return Figures(
        f"A plan of {RATE_PER_S}/s with burst {BURST}, over {took_s:.1f} s",
        [row],
        {"aim_deviation": AIM_DEVIATION, "aim_met": row["deviation"] <= AIM_DEVIATION},
    )


@contextmanager
def unserved_stack() -> Iterator[LocalStack]:
    """A stack without an endpoint and with nothing started ahead of need."""
    settings = StackSettings(start_endpoint=False, durable_database=True, warm_slots=0)
    with LocalStack(settings, progress=console.print) as stack:
        yield stack


@contextmanager
def accepters(
    stack: LocalStack, ways: dict[str, type[InspectionRecords]]
) -> Iterator[dict[str, list[Callable[[InspectionInput, str], None]]]]:
    """For each way as many callers as CALLERS, each with a connection and clients of its own."""
    with ExitStack() as cleanup:
        yield {way: [caller(stack, records, cleanup) for _ in range(CALLERS)] for way, records in ways.items()}


def caller(
    stack: LocalStack, records: type[InspectionRecords], cleanup: ExitStack
) -> Callable[[InspectionInput, str], None]:
    address = stack.database_server.application
    database = Database(
        DatabaseSettings(
            address.host, address.port, address.name, address.user, "password", tls=False, password=address.password
        )
    )
    cleanup.callback(database.close)
    names = {"region_name": "eu-west-1", "aws_access_key_id": "x", "aws_secret_access_key": "x"}
    config = Config(max_pool_connections=16)
    s3 = boto3.client("s3", endpoint_url=stack.services_url, config=config, **names)
    sqs = boto3.client("sqs", endpoint_url=stack.queues_url, config=config, **names)
    bucket = s3.list_buckets()["Buckets"][0]["Name"]
    # A queue that nobody empties: only accepting is to cost anything.
    queue = SqsQueue(sqs, f"{stack.queues_url}/{ACCOUNT}/{STACK_NAME}-PrecheckDeadLetters")
    handover = Handover(database, {State.ACCEPTED: dict.fromkeys(Lane, queue)})
    service = Service(database, service_hours("00:00", "24:00", "UTC"))
    accept, usage = Accept(records(database), S3ObjectStore(s3, bucket), handover, service), UsageRecords(database)

    def one(request: InspectionInput, client_id: str) -> None:
        accept(request, client_id, usage.allowance(client_id), None)

    return one


def accepted_per_s(
    callers: Sequence[Callable[[InspectionInput, str], None]], client_ids: Sequence[str], requests: int
) -> float:
    """All callers at once, sharing `requests` among them."""
    request = InspectionInput.model_validate(json.loads(json.loads(EVENT.read_text())["body"]))
    numbers, lock = iter(range(requests)), threading.Lock()

    def run(place: int) -> None:
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            callers[place](request, client_ids[place % len(client_ids)])

    start = time.perf_counter()
    with ThreadPoolExecutor(len(callers)) as threads:
        for done in [threads.submit(run, place) for place in range(len(callers))]:
            done.result()
    return requests / (time.perf_counter() - start)


def add_client(stack: LocalStack, client_id: str) -> str:
    """On a plan with every kind of limit, none of which is near."""
    with stack.database.open() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE plans SET quota_day = 4000000, quota_month = 4000000, concurrent = 4000000")
        cursor.execute(
            "INSERT INTO clients (client_id, name, plan, created_at) VALUES (%s, 'c', 'standard', UTC_TIMESTAMP(6))",
            (client_id,),
        )
        connection.commit()
    return client_id
