"""What the gateway itself costs: from sending a request to its verdict, with a model that answers at once.

The whole local stack runs: gateway, authorizer, accept, precheck, invoke, format, queues, bucket, database, each
function in processes of its own. The baseline of the same run is the work alone: the same photos judged, prepared and
sent to the same stub, one after the other in one process, with nothing around it.
"""

import asyncio
import base64
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import httpx

from benchmarks.report import arguments, console, median, percentile, tell
from scrutineer.cli.stack import first_key
from scrutineer.local.ports import free_port
from scrutineer.local.settings import ROOT, StackSettings
from scrutineer.local.stack import LocalStack

EVENT = ROOT / "events" / "inspections-create.json"
STAGES = ("precheck", "invoke", "format")


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--requests", type=int, default=60, help="measured requests at each concurrency")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 15])
    options = parser.parse_args()
    with stub() as endpoint:
        work = work_alone(endpoint, options.requests)
        with LocalStack(StackSettings(endpoint_url=endpoint, warm_slots=2), progress=console.print) as stack:
            key = unthrottled_key(stack)
            rows = [row("the work alone", 1, work, work)]
            for concurrency in options.concurrency:
                with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as driver:
                    driver.submit(drive, stack.url, key, concurrency, 3 * concurrency).result()  # starts every slot
                    answers = driver.submit(drive, stack.url, key, concurrency, options.requests).result()
                rows.append(row("the whole stack", concurrency, [spent for spent, _ in answers], work, answers))
    tell(f"Accept to answer without the model, {options.requests} inspections of 3 photos each", rows, options.json)


def unthrottled_key(stack: LocalStack) -> str:
    """A first client's, whose plan has limits that are still checked and never reached."""
    with stack.database.open() as connection, connection.cursor() as cursor:
        cursor.execute(
            "UPDATE plans SET rate_per_s = 10000, burst = 5000, quota_month = 10000000, concurrent = 10000"
            " WHERE plan = 'standard'"
        )
        connection.commit()
    return first_key(stack)


def row(
    way: str, concurrency: int, spent_ms: list[float], work_ms: list[float], answers: list[Any] | None = None
) -> dict[str, Any]:
    p50 = percentile(spent_ms, 0.5)
    stages = {
        f"{stage} p50 ms": median([timings[stage] for _, timings in answers]) if answers else "" for stage in STAGES
    }
    return {
        "way": way,
        "at once": concurrency,
        "p50 ms": p50,
        "p99 ms": percentile(spent_ms, 0.99),
        "× the work": p50 / percentile(work_ms, 0.5),
        **stages,
    }


def drive(url: str, key: str, concurrency: int, count: int) -> list[tuple[float, dict[str, float]]]:
    """`count` inspections, `concurrency` at once; milliseconds until the final answer, and the stages' own timings."""
    body = json.loads(EVENT.read_text())["body"]
    headers = {"x-api-key": key, "content-type": "application/json", "prefer": "wait=25"}

    async def run() -> list[tuple[float, dict[str, float]]]:
        left = iter(range(count))
        found: list[tuple[float, dict[str, float]]] = []
        limits = httpx.Limits(max_connections=concurrency)
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60, trust_env=False, limits=limits) as http:

            async def client() -> None:
                for _ in left:
                    start = time.perf_counter()
                    answer = await http.post("/v1/inspections", content=body)
                    spent_ms = (time.perf_counter() - start) * 1000
                    if answer.status_code != 200:
                        raise RuntimeError(f"{answer.status_code} {answer.text[:500]}")
                    found.append((spent_ms, answer.json()["timings_ms"]))

            await asyncio.gather(*(client() for _ in range(concurrency)))
        return found

    return asyncio.run(run())


def work_alone(endpoint: str, count: int) -> list[float]:
    """Milliseconds for the same photos judged, prepared and asked about, in this process."""
    from core.photo_pixels import prepare
    from precheck.photo import analyse

    photos = [base64.b64decode(photo["data"]) for photo in json.loads(json.loads(EVENT.read_text())["body"])["photos"]]
    spent = []
    with httpx.Client(base_url=endpoint, trust_env=False) as http:
        for _ in range(count):
            start = time.perf_counter()
            sent = []
            for photo in photos:
                analyse(photo, "image/jpeg")
                sent.append({"id": "0", "data": base64.b64encode(prepare(photo, "image/jpeg", 1344)).decode()})
            question = {"id": "q", "text": "?", "answers": ["yes", "no"]}
            http.post("/invocations", json={"photos": sent, "item": {"description": "x"}, "questions": [question]})
            spent.append((time.perf_counter() - start) * 1000)
    return spent


@contextmanager
def stub(delay_s: float = 0.0) -> Iterator[str]:
    """The stub endpoint in a process of its own, `delay_s` an answer; its address."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.stub_endpoint", str(port), str(delay_s)]
    process = subprocess.Popen(command, cwd=Path(ROOT))
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            try:
                httpx.get(f"{url}/ping", trust_env=False)
                break
            except httpx.HTTPError:
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
