"""Hard limits against a real server: nobody gets past them at once, and what is not the client's fault comes back."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from core.database import Database
from core.errors import Forbidden, NotOnPlan, QuotaExceeded, ScrutineerError, TooManyRunning
from core.inspection_records import InspectionRecords
from core.states import State
from core.usage import INSPECT, UsageRecords
from core.work_records import Claimed, WorkRecords
from sweeper.stuck_records import StuckRecords
from tests.fakes.requests import RESULT, accepted, new_request

LIMITS = ("quota_day", "quota_month", "concurrent")


def on_plan(database: Database, client_id: str = "client-a", **limits: int | str | None) -> None:
    """Put the client on a plan of its own with these limits and no others."""
    values: dict[str, Any] = {**dict.fromkeys(LIMITS), "tasks": '["inspect", "embed"]', **limits}
    database.execute(
        "INSERT INTO plans (plan, rate_per_s, burst, quota_day, quota_month, concurrent, tasks, max_photos,"
        " default_wait_s, max_wait_s, created_at, updated_at) VALUES (%(plan)s, 10, 20, %(quota_day)s, %(quota_month)s,"
        " %(concurrent)s, %(tasks)s, 20, 20, 25, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))",
        {"plan": f"plan-{client_id}", **values},
    )
    database.execute("UPDATE clients SET plan = %s WHERE client_id = %s", (f"plan-{client_id}", client_id))


def counted(database: Database, client_id: str = "client-a") -> tuple[int, int, int]:
    """(of the day, of the month, running)"""
    row = database.one("SELECT day_count, month_count, running FROM client_usage WHERE client_id = %s", (client_id,))
    return (row["day_count"], row["month_count"], row["running"]) if row else (0, 0, 0)


def history(database: Database) -> list[tuple[str, int, int]]:
    rows = database.all("SELECT task, accepted, refunded FROM client_usage_days ORDER BY task")
    return [(row["task"], row["accepted"], row["refunded"]) for row in rows]


def claim(database: Database, inspection_id: str) -> Claimed:
    claimed = WorkRecords(database).claim(inspection_id, State.ACCEPTED, "worker", 60)
    assert isinstance(claimed, Claimed)
    return claimed


def test_accepting_counts_and_a_verdict_frees_the_place(database: Database) -> None:
    records, work = InspectionRecords(database), WorkRecords(database)
    inspection_id = accepted(database)
    accepted(database)
    assert counted(database) == (2, 2, 2)
    work.advance(claim(database, inspection_id), State.ACCEPTED, State.PRECHECKED)
    second = work.claim(inspection_id, State.PRECHECKED, "worker", 60)
    assert isinstance(second, Claimed)
    work.advance(second, State.PRECHECKED, State.INFERRED)
    third = work.claim(inspection_id, State.INFERRED, "worker", 60)
    assert isinstance(third, Claimed)
    assert counted(database) == (2, 2, 2)
    work.finish_with_result(third, State.INFERRED, RESULT)
    assert counted(database) == (2, 2, 1)
    assert history(database) == [("inspect", 2, 0)]
    assert records.state(inspection_id) is State.PASSED


@pytest.mark.parametrize("end", [State.REJECTED, State.ERROR, State.EXPIRED])
def test_rejected_photos_our_failures_and_lateness_are_refunded(database: Database, end: State) -> None:
    inspection_id = accepted(database)
    WorkRecords(database).finish_with_failure(
        claim(database, inspection_id), State.ACCEPTED, end, code="photos_unusable", detail="x"
    )
    assert counted(database) == (0, 0, 0)
    assert history(database) == [("inspect", 1, 1)]


def test_given_up_by_the_sweeper_is_refunded(database: Database) -> None:
    inspection_id = accepted(database)
    database.execute("UPDATE rvpxbverification_request_data SET attempts = 5")
    given_up = StuckRecords(database).give_up(inspection_id, State.ACCEPTED, least_attempts=5, code="x", detail="x")
    assert (given_up, counted(database)) == (True, (0, 0, 0))


def test_yesterdays_end_does_not_refund_today(database: Database) -> None:
    inspection_id = accepted(database)
    accepted(database)
    database.execute(
        "UPDATE rvpxbverification_request_data SET accepted_at = accepted_at - INTERVAL 40 DAY"
        " WHERE inspection_id = %s",
        (inspection_id,),
    )
    WorkRecords(database).finish_with_failure(
        claim(database, inspection_id), State.ACCEPTED, State.ERROR, code="x", detail="x"
    )
    assert counted(database) == (2, 2, 1)


def test_a_new_day_and_a_new_month_begin_at_nought(database: Database) -> None:
    on_plan(database, quota_day=1, quota_month=5)
    accepted(database)
    with pytest.raises(QuotaExceeded):
        accepted(database)
    database.execute("UPDATE client_usage SET day = day - INTERVAL 1 DAY")
    accepted(database)
    assert counted(database) == (1, 2, 2)
    database.execute("UPDATE client_usage SET day = day - INTERVAL 40 DAY, month = month - INTERVAL 1 MONTH")
    accepted(database)
    assert counted(database) == (1, 1, 3)


@pytest.mark.parametrize(
    ("limits", "error", "longest_s"),
    [
        ({"quota_day": 2}, QuotaExceeded, 86_400),
        ({"quota_month": 2}, QuotaExceeded, 31 * 86_400),
        ({"concurrent": 2}, TooManyRunning, 60),
    ],
)
def test_limit(database: Database, limits: dict[str, Any], error: type[ScrutineerError], longest_s: int) -> None:
    on_plan(database, **limits)
    for _ in range(2):
        accepted(database)
    with pytest.raises(error) as raised:
        accepted(database)
    assert raised.value.retry_after_s is not None
    assert 0 < raised.value.retry_after_s <= longest_s
    assert counted(database) == (2, 2, 2)
    assert len(database.all("SELECT 1 FROM rvpxbverification_request_data")) == 2
    assert history(database) == [("inspect", 2, 0)]


def test_a_changed_plan_bites_at_once(database: Database) -> None:
    on_plan(database, quota_day=1)
    accepted(database)
    database.execute("UPDATE plans SET quota_day = 2 WHERE plan = 'plan-client-a'")
    accepted(database)
    database.execute("UPDATE plans SET quota_day = 1 WHERE plan = 'plan-client-a'")
    with pytest.raises(QuotaExceeded):
        accepted(database)


def test_task_that_the_plan_lacks(database: Database) -> None:
    on_plan(database, tasks='["embed"]')
    with pytest.raises(NotOnPlan):
        accepted(database)
    assert counted(database) == (0, 0, 0)


def test_disabled_client(database: Database) -> None:
    database.execute("UPDATE clients SET disabled_at = UTC_TIMESTAMP(6) WHERE client_id = 'client-a'")
    with pytest.raises(Forbidden):
        accepted(database)
    with pytest.raises(Forbidden):
        UsageRecords(database).allowance("client-a")


def test_clients_do_not_share_limits(database: Database) -> None:
    on_plan(database, "client-a", quota_day=1)
    accepted(database)
    accepted(database, client_id="client-b")
    assert counted(database, "client-b") == (1, 1, 1)


def test_five_hundred_at_once_for_the_last_place(database: Database, connect: Callable[[], Database]) -> None:
    """All stand at a barrier with a connection each, so that they come as nearly together as can be."""
    on_plan(database, quota_day=500)
    accepted(database)
    database.execute("UPDATE client_usage SET day_count = 499")
    workers, rounds = 20, 25
    databases = [connect() for _ in range(workers)]
    barrier = threading.Barrier(workers)

    def rush(number: int) -> list[str]:
        told = []
        for _ in range(rounds):
            barrier.wait(timeout=30)
            try:
                InspectionRecords(databases[number]).add(new_request())
                told.append("accepted")
            except QuotaExceeded:
                told.append("refused")
        return told

    with ThreadPoolExecutor(workers) as pool:
        told = [outcome for outcomes in pool.map(rush, range(workers)) for outcome in outcomes]
    assert (told.count("accepted"), told.count("refused")) == (1, 499)
    assert counted(database)[0] == 500
    assert len(database.all("SELECT 1 FROM rvpxbverification_request_data")) == 2


def test_charge_and_refund(database: Database) -> None:
    usage = UsageRecords(database)
    usage.charge("client-a", "embed", 3)
    accepted(database)
    assert counted(database) == (4, 4, 1)
    usage.charge("client-a", "embed", 5)
    usage.refund("client-a", "embed", 5)
    assert counted(database) == (4, 4, 1)
    assert history(database) == [("embed", 8, 5), ("inspect", 1, 0)]


def test_units_are_taken_whole_or_not_at_all(database: Database) -> None:
    on_plan(database, quota_day=5, concurrent=0)
    usage = UsageRecords(database)
    usage.charge("client-a", "embed", 3)
    with pytest.raises(QuotaExceeded, match="2 are left; 3 more"):
        usage.charge("client-a", "embed", 3)
    usage.charge("client-a", "embed", 2)
    with pytest.raises(NotOnPlan):
        usage.charge("client-a", "describe", 1)
    assert counted(database) == (5, 5, 0)


def test_allowance_tells_what_is_left(database: Database) -> None:
    on_plan(database, quota_day=10, quota_month=20, concurrent=3)
    accepted(database)
    allowance = UsageRecords(database).allowance("client-a")
    assert [(limit.name, limit.most, limit.left) for limit in allowance.limits] == [
        ("day", 10, 9),
        ("month", 20, 19),
        ("running", 3, 2),
    ]
    day, month, _ = allowance.limits
    assert 0 <= (day.resets_in_s or 0) <= 86_400
    assert (day.resets_in_s or 0) <= (month.resets_in_s or 0) <= 31 * 86_400
    allowance.check(INSPECT)
    with pytest.raises(NotOnPlan):
        allowance.check("describe")
