"""How much goes through the whole local stack, what overload leaves of it, and how soon it is well after an outage.

The model is a stub, so what is measured is everything around it: gateway, authorizer, accept, precheck, invoke, format,
queues, bucket and database, each function in processes of its own.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.flow_load import PATIENCE_S, WORKER_SLOTS, Asked, final_at, p95_s, running
from benchmarks.overhead import stub
from benchmarks.report import arguments, console, median, percentile, tell
from scrutineer.local.settings import StackSettings
from scrutineer.local.stack import LocalStack
from scrutineer.local.template_model import ACCOUNT

CONCURRENCY = (1, 15, 50)
AT_ENDPOINT, DELAY_S = 2, 1.0
OVERLOAD, OVERLOAD_S, AIM_GOODPUT = 3, 40.0, 0.9
OUTAGE_S, QUICK_OUTAGE_S, STEADY_PER_S, STEADY_S = 60.0, 10.0, 2.0, 20.0
AIM_RECOVERY_S, NORMAL, WINDOW_S = 30.0, 1.5, 5.0
QUEUE_DEPTHS = (10, 1500)


@dataclass(frozen=True)
class Figures:
    title: str
    rows: list[dict[str, Any]]
    more: dict[str, Any]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="which to measure; all of them if none is named")
    parser.add_argument("--requests", type=int, default=150, help="inspections at each concurrency")
    parser.add_argument("--quick", action="store_true", help=f"an outage of {QUICK_OUTAGE_S:.0f} s, half the overload")
    options = parser.parse_args()
    chosen = options.parts or list(PARTS)
    for name in chosen:
        part = PARTS[name](options.requests, options.quick)
        file: Path | None = options.json
        if file is not None and len(chosen) > 1:
            file = file.with_stem(f"{file.stem}-{name}")
        tell(part.title, part.rows, file, **part.more)


# ------------------------------------------------------------------------------------------------------- throughput


def throughput(requests: int, quick: bool) -> Figures:
    """Closed loops: each caller asks again as soon as its inspection is final. Then a burst that nobody waits for."""
    rows = []
    with stub() as endpoint, running(endpoint) as bench:
        bench.closed_loop(max(CONCURRENCY), 2 * max(CONCURRENCY))  # starts every slot
        for concurrency in CONCURRENCY:
            count = max(requests // 3, 20) if concurrency == 1 else requests
            burst = bench.burst(concurrency, count)
            loop = bench.closed_loop(concurrency, count)
            hops = bench.hops(loop)
            rows.append(
                {
                    "at once": concurrency,
                    "accepted/s": len(burst) / (max(each.told for each in burst) - min(each.start for each in burst)),
                    "final/s": len(loop) / (max(map(final_at, loop)) - min(each.start for each in loop)),
                    "final p50 ms": 1000 * percentile([final_at(each) - each.start for each in loop], 0.5),
                    "final p95 ms": 1000 * percentile([final_at(each) - each.start for each in loop], 0.95),
                    "accept p50 ms": 1000 * median([each.told - each.start for each in loop]),
                    **{f"{stage} p50 ms": median([each[stage] for each in hops]) for stage in hops[0]},
                }
            )
            console.print(f"{concurrency} at once: {rows[-1]['final/s']:.1f} final/s")
    return Figures("Through the whole stack, a model that answers at once; a hop's time is its queue's too", rows, {})


# --------------------------------------------------------------------------------------------------------- overload


def overload(_: int, quick: bool) -> Figures:
    """An endpoint of AT_ENDPOINT places and DELAY_S an answer; capacity is what it does with always enough to do."""
    lasts_s = OVERLOAD_S / 2 if quick else OVERLOAD_S
    with stub(DELAY_S) as endpoint, running(endpoint, EndpointConcurrency=str(AT_ENDPOINT)) as bench:
        bench.closed_loop(2 * AT_ENDPOINT, 4 * AT_ENDPOINT)
        loop = bench.closed_loop(3 * AT_ENDPOINT, int(AT_ENDPOINT / DELAY_S * lasts_s))
        capacity = len(loop) / (max(map(final_at, loop)) - min(each.start for each in loop))
        console.print(f"capacity: {capacity:.2f} final/s")
        start = time.monotonic()
        asked = bench.open_loop(OVERLOAD * capacity, lasts_s)
        # From the first verdict on: before it the endpoint is empty, which is no overload.
        first = min((each.final for each in asked if each.final), default=start)
        in_time = sum(1 for each in asked if each.final and each.final <= start + lasts_s)
        goodput = (in_time - 1) / (start + lasts_s - first)
        accepted = [each for each in asked if each.status == 202]
        bench.watch_until_final(accepted, PATIENCE_S + len(accepted) / capacity)
    row = {
        "capacity/s": capacity,
        "offered/s": len(asked) / lasts_s,
        "accepted": len(accepted),
        "refused": len(asked) - len(accepted),
        "accept p95 ms": 1000 * percentile([each.told - each.start for each in accepted], 0.95),
        "final/s under overload": goodput,
        "share of capacity": goodput / capacity,
        "never final": sum(each.final is None for each in accepted),
    }
    return Figures(
        f"{OVERLOAD} × overload for {lasts_s:.0f} s",
        [row],
        {"aim_share": AIM_GOODPUT, "aim_met": row["share of capacity"] >= AIM_GOODPUT},
    )


# --------------------------------------------------------------------------------------------------------- recovery


def recovery(_: int, quick: bool) -> Figures:
    """A steady rate, the database stopped under it, and the p95 of what is asked in each WINDOW_S after its return."""
    outage_s = QUICK_OUTAGE_S if quick else OUTAGE_S
    with stub() as endpoint, running(endpoint) as bench:
        bench.closed_loop(WORKER_SLOTS, 2 * WORKER_SLOTS)
        before = bench.open_loop(STEADY_PER_S, STEADY_S)
        bench.watch_until_final(before, PATIENCE_S)
        normal_s = p95_s(before)
        console.print(f"normally p95 is {1000 * normal_s:.0f} ms")
        asked: list[Asked] = []
        load = threading.Thread(
            target=lambda: asked.extend(bench.open_loop(STEADY_PER_S, 2 + outage_s + 2 * AIM_RECOVERY_S))
        )
        load.start()
        time.sleep(2)
        bench.stack.database_server.stop()
        time.sleep(outage_s)
        bench.stack.database_server.start()
        back = time.monotonic()
        load.join()
        accepted = [each for each in asked if each.status == 202]
        bench.watch_until_final(accepted, PATIENCE_S)
    windows = {
        offset: p95_s([each for each in accepted if back + offset <= each.start < back + offset + WINDOW_S])
        for offset in range(0, int(2 * AIM_RECOVERY_S - WINDOW_S), int(WINDOW_S))
    }
    slow = [offset + WINDOW_S for offset, p95 in windows.items() if p95 > NORMAL * normal_s]
    row = {
        "outage s": outage_s,
        "normal p95 ms": 1000 * normal_s,
        "p95 ms at first": 1000 * windows[0],
        "p95 ms in the end": 1000 * windows[max(windows)],
        "normal again after s": max(slow, default=0.0),
        "asked": len(asked),
        "refused meanwhile": sum(each.status == 503 for each in asked),
        "other answers": sum(each.status not in (202, 503) for each in asked),
        "in flight final after s": max(
            (each.final - back for each in accepted if each.start < back and each.final and each.final > back),
            default=0.0,
        ),
        "never final": sum(each.final is None for each in accepted),
    }
    return Figures(
        f"The database stopped for {outage_s:.0f} s; normal is a p95 within {NORMAL} × that of before",
        [row],
        {"aim_s": AIM_RECOVERY_S, "aim_met": row["normal again after s"] <= AIM_RECOVERY_S},
    )


# ----------------------------------------------------------------------------------------------------------- queues


def queues(_: int, quick: bool) -> Figures:
    """What the emulator's own queue takes for a message, with little and with much in it."""
    settings = StackSettings(start_endpoint=False, warm_slots=0)
    rows = []
    with LocalStack(settings, progress=console.print) as stack:
        sqs = stack.client("sqs")
        # A queue that no function empties.
        name = next(queue.name for key, queue in stack.template.queues.items() if key == "PrecheckDeadLetters")
        url = f"{stack.queues_url}/{ACCOUNT}/{name}"
        waiting = 0
        for depth in QUEUE_DEPTHS:
            for _ in range(depth - waiting):
                sqs.send_message(QueueUrl=url, MessageBody="{}")
            waiting = depth
            sent, received = [], []
            for _ in range(100):
                start = time.perf_counter()
                sqs.send_message(QueueUrl=url, MessageBody="{}")
                sent.append(1000 * (time.perf_counter() - start))
                start = time.perf_counter()
                (message,) = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1)["Messages"]
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                received.append(1000 * (time.perf_counter() - start))
            rows.append({"waiting": depth, "send p50 ms": median(sent), "receive and delete p50 ms": median(received)})
    return Figures("The local stack's own SQS", rows, {})


PARTS: dict[str, Callable[[int, bool], Figures]] = {
    "throughput": throughput,
    "overload": overload,
    "recovery": recovery,
    "queues": queues,
}


if __name__ == "__main__":
    main()
