"""What small clients notice of a neighbour that sends fifty times the share of one of them: through the whole local
stack, from the request at the gateway to the final row.

The same clients send at the same steady rate twice, first alone, then beside the neighbour. The endpoint is the narrow
place: it answers after ANSWER_S, PLACES at once, which is less than what the neighbour alone sends, so a backlog grows
as long as the run lasts. No plan's limit is near: what is measured is what turns by client do, not the throttle.
`benchmarks.fairness` has the queues alone, also without turns.
"""

import os
import threading
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.fairness import FLOOD_TIMES
from benchmarks.flow_load import PATIENCE_S, WORKER_SLOTS, Asked, Bench, final_at, running
from benchmarks.overhead import stub
from benchmarks.report import arguments, percentile, tell

CLIENTS, CLIENT_PER_S = 10, 0.04
PLACES, ANSWER_S = 6, 4.0  # 1.5 a second; the neighbour sends 2
LEAD_S = 15.0  # until every place is taken and a backlog has grown
AIM = 1.5


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=200, help="how long each of the two rows lasts")
    options = parser.parse_args()
    with stub(ANSWER_S) as endpoint, running(endpoint, EndpointConcurrency=str(PLACES)) as bench:
        bench.closed_loop(WORKER_SLOTS, 2 * WORKER_SLOTS)  # starts every slot
        callers = [bench.caller(f"client {number}") for number in range(CLIENTS)]
        neighbour = bench.caller("neighbour")

        def clients() -> list[Asked]:
            asked = bench.open_loop(CLIENTS * CLIENT_PER_S, options.seconds, callers)
            bench.watch_until_final(asked, PATIENCE_S)
            return asked

        rows = [_row(bench, "alone", clients())]
        flood: list[Asked] = []
        sender = threading.Thread(
            target=lambda: flood.extend(
                bench.open_loop(FLOOD_TIMES * CLIENT_PER_S, LEAD_S + options.seconds, [neighbour])
            )
        )
        sender.start()
        time.sleep(LEAD_S)
        rows.append(_row(bench, f"beside one that sends {FLOOD_TIMES} × as much", clients()))
        sender.join()
        waiting = sum(each.status == 202 and each.final is None for each in flood)
    ratio = rows[1]["p99 ms"] / rows[0]["p99 ms"]
    tell(
        f"{CLIENTS} clients of {CLIENT_PER_S:g} inspections a second each, through the whole stack",
        rows,
        options.json,
        neighbours_accepted=sum(each.status == 202 for each in flood),
        neighbours_refused=sum(each.status != 202 for each in flood),
        neighbours_still_waiting=waiting,
        p99_beside_to_alone=ratio,
        aim=AIM,
        aim_met=ratio <= AIM,
        load_average=os.getloadavg()[0],
    )


def _row(bench: Bench, way: str, asked: Sequence[Asked]) -> dict[str, Any]:
    """Raises RuntimeError where one came to no end: a percentile of the others would say nothing."""
    if lost := [each.status for each in asked if each.final is None]:
        raise RuntimeError(f"{len(lost)} of {len(asked)} came to no end; they were answered {lost[:5]}")
    spent_ms = [1000 * (final_at(each) - each.start) for each in asked]
    hops = bench.hops(asked)
    return {
        "the clients": way,
        "inspections": len(asked),
        "p50 ms": percentile(spent_ms, 0.5),
        "p99 ms": percentile(spent_ms, 0.99),
        "accept p99 ms": percentile([1000 * (each.told - each.start) for each in asked], 0.99),
        **{f"{stage} p99 ms": percentile([hop[stage] for hop in hops], 0.99) for stage in hops[0]},
        "most ahead": max(_ahead(bench, asked)),
    }


def _ahead(bench: Bench, asked: Sequence[Asked]) -> list[int]:
    """For each, how many others the endpoint began between its coming to the endpoint's queue and its own beginning:
    what turns by client bound, however slow the machine is."""
    begun = "{0}.inferred_at - INTERVAL {0}.service_ms * 1000 MICROSECOND".format
    marks = ", ".join(["%s"] * len(asked))
    with bench.stack.database.open() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT COUNT(*) FROM rvpxbverification_request_data other"
            f" WHERE {begun('other')} > own.prechecked_at AND {begun('other')} < {begun('own')})"
            f" FROM rvpxbverification_request_data own WHERE own.inspection_id IN ({marks})",
            [each.inspection_id for each in asked],
        )
        return [ahead for (ahead,) in cursor.fetchall()]


if __name__ == "__main__":
    main()
