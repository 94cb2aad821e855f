"""Work comes in while the service is closed, and goes on when it opens: by the clock on the wall, on a whole stack of
its own, whose hours begin some seconds after it is up. Most of the time that this takes is waiting.

The same with closing times, many inspections and a moved clock is in tests/integration/functions/test_service_hours.py.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from benchmarks.overhead import stub
from scrutineer.cli.stack import first_key
from scrutineer.local.settings import StackSettings
from scrutineer.local.stack import LocalStack
from tests.end_to_end.desk import sample_body

ZONE = "Asia/Kolkata"
MINUTE = timedelta(minutes=1)
# Seconds from the choice of the hours to the opening, at least, as tried one after the other on ever slower machines;
# and how many of them must be left when the stack is up.
AHEAD_S, LEFT_S = (25, 60, 180), 15
HELD = 5


@dataclass(frozen=True)
class Night:
    """A stack whose service is closed until `opens`."""

    stack: LocalStack
    http: httpx.Client
    opens: datetime


@pytest.fixture
def night() -> Iterator[Night]:
    for ahead_s in AHEAD_S:
        opens = (datetime.now(UTC) + timedelta(seconds=ahead_s)).replace(second=0, microsecond=0) + MINUTE
        with stub() as endpoint, LocalStack(_closed_until(opens, endpoint)) as stack:
            headers = {"x-api-key": first_key(stack)}
            with httpx.Client(base_url=stack.url, headers=headers, timeout=40, trust_env=False) as http:
                assert http.get("/v1/service").status_code == 200
                if datetime.now(UTC) + timedelta(seconds=LEFT_S) < opens:
                    yield Night(stack, http, opens)
                    return
    pytest.fail(f"no stack was up within {AHEAD_S[-1]} s")


def _closed_until(opens: datetime, endpoint: str) -> StackSettings:
    local = opens.astimezone(ZoneInfo(ZONE))
    return StackSettings(
        endpoint_url=endpoint,
        parameters={
            "ServiceOpens": f"{local:%H:%M}",
            "ServiceCloses": f"{local + timedelta(hours=12):%H:%M}",
            "ServiceTimezone": ZONE,
        },
        schedule_s={"SweeperFunctionEveryMinute": 1.0},
        default_max_slots=4,
        warm_slots=0,
    )


def test_what_comes_at_night_is_held_and_final_after_opening(night: Night) -> None:
    service = night.http.get("/v1/service").json()
    assert (service["open"], datetime.fromisoformat(service["opens_at"])) == (False, night.opens)
    answers = [
        night.http.post("/v1/inspections", json={**sample_body(), "lane": lane}, headers={"Prefer": "wait=20"})
        for lane in ["interactive"] * (HELD - 1) + ["bulk"]
    ]
    told = datetime.now(UTC)
    for answer in answers:
        assert (answer.status_code, answer.headers["Preference-Applied"]) == (202, "respond-async"), answer.text
        assert datetime.fromisoformat(answer.json()["held_until"]) == night.opens
        assert 0 < int(answer.headers["Retry-After"]) <= 60 + AHEAD_S[-1]
    assert told < night.opens, "they were asked for too late to say anything"
    assert night.http.get("/v1/service").json()["held"] == HELD
    assert _waiting(night.stack) == {}, "what is held is in no queue, so no receive is counted"

    ids = [answer.json()["id"] for answer in answers]
    time.sleep(max(0.0, (night.opens - datetime.now(UTC)).total_seconds() - 5))
    states = {_shown(night, each)["state"] for each in ids}
    assert states == {"accepted"} or datetime.now(UTC) > night.opens
    final = [_final(night, each) for each in ids]
    assert all(each["verdict"] for each in final)
    assert all(datetime.fromisoformat(each["finished_at"]) > night.opens for each in final)
    assert night.http.get("/v1/service").json()["held"] == 0
    end = time.monotonic() + 20  # a message outlives the commit that it led to
    while waiting := _waiting(night.stack):
        assert time.monotonic() < end, f"dead letters are queues too: {waiting}"
        time.sleep(0.1)
    assert _came_again(night.stack) == []


def _shown(night: Night, inspection_id: str) -> dict[str, Any]:
    shown: dict[str, Any] = night.http.get(f"/v1/inspections/{inspection_id}").json()
    return shown


def _final(night: Night, inspection_id: str) -> dict[str, Any]:
    end = time.monotonic() + 60
    while not (shown := _shown(night, inspection_id))["final"]:
        assert time.monotonic() < end, shown
        time.sleep(0.3)
    return shown


def _waiting(stack: LocalStack) -> dict[str, Any]:
    """What is in the queues of inspections and batches, those of dead letters among them."""
    depths = {name: queue.depth() for name, queue in stack.queues.items() if not name.startswith("Notify")}
    return {name: depth for name, depth in depths.items() if depth.visible or depth.in_flight or depth.delayed}


def _came_again(stack: LocalStack) -> list[str]:
    """Lines of the workers' logs about messages that were, or will be, received once more."""
    said = ("message goes back", "message failed", "will be tried again")
    workers = [stack.logs / f"{stage}Function.log" for stage in ("Precheck", "Invoke", "Format")]
    lines = [line for log in workers for line in log.read_text().splitlines() if line.startswith("{")]
    assert lines, "else nothing is said by their absence"
    return [line for line in lines if json.loads(line).get("message") in said]
