"""The same scenarios over code with a bug in it: the checker names each."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from scrutineer.local.database import Database as Server
from tests.chaos.conftest import Run
from tests.chaos.planted import (
    AsksAgain,
    CountedApart,
    LeasesByOwnClock,
    NeitherLeaseNorFence,
    NoFence,
    NoLease,
    PartOfThePhotos,
    ToldBeforeCommit,
    nobody_sweeps,
    unnoted,
)
from tests.chaos.scenarios import BY_NAME, seed_of
from tests.fakes.pipeline import Parts

INSPECTIONS = 36
ROUNDS = 4  # a bug that needs two workers at the same moment may go unseen where a busy machine runs one at a time
IDEMPOTENCY = ("rvpxbverification_request_data", "requests_by_idempotency_key", "client_id, idempotency_key")
RESULTS = ("rvpxbverification", "results_by_inspection", "inspection_id")


@pytest.mark.parametrize(
    ("scenario", "parts", "expected"),
    [
        ("five-times-at-once", Parts(work_records=NoLease), "the endpoint was asked"),
        ("worker-frozen", Parts(work_records=NoFence), "one_result"),
        ("front-killed", Parts(inspection_records=ToldBeforeCommit), "was told to its client and is unknown"),
        ("worker-killed", Parts(acknowledges_first=True, sweep=nobody_sweeps), "accepted_is_final"),
        ("front-killed", Parts(inspection_records=CountedApart), "usage_adds_up"),
        ("calm", Parts(work_records=unnoted), "ends_are_told"),
        ("third-photo-5xx", Parts(invoke=PartOfThePhotos), "all_photos_judged"),
        ("worker-killed", Parts(invoke=AsksAgain), "the endpoint was asked again"),
        ("clocks-apart", Parts(work_records=LeasesByOwnClock), "the endpoint was asked"),
    ],
    ids=[
        "no lease",
        "no fence",
        "told before the commit",
        "acknowledged first, nobody sweeps",
        "counted apart",
        "ends not noted",
        "judged on a part",
        "asks again",
        "leases by the worker's clock",
    ],
)
def test_found(scenario: str, parts: Parts, expected: str, run_scenario: Run) -> None:
    assert_found(expected, scenario, run_scenario, inspections=INSPECTIONS, parts=parts)


def test_no_unique_idempotency_key_is_found(mariadb: Server, run_scenario: Run) -> None:
    with without_key(mariadb, *IDEMPOTENCY):
        assert_found("one_key_one_id", "calm", run_scenario, inspections=3 * INSPECTIONS)


def test_no_unique_result_is_found(mariadb: Server, run_scenario: Run) -> None:
    parts = Parts(work_records=NeitherLeaseNorFence)
    with without_key(mariadb, *RESULTS):
        assert_found(
            "with the results ['passed', 'passed'",
            "five-times-at-once",
            run_scenario,
            inspections=INSPECTIONS,
            parts=parts,
        )


def assert_found(expected: str, scenario: str, run_scenario: Run, **options: object) -> None:
    chosen = BY_NAME[scenario]
    found: list[str] = []
    for number in range(1, ROUNDS + 1):
        found += run_scenario(chosen, seed=seed_of(chosen, number), **options).found
        if any(expected in each for each in found):
            return
    pytest.fail(f"{expected!r} is not among {found}")


@contextmanager
def without_key(server: Server, table: str, key: str, columns: str) -> Iterator[None]:
    """Rows that the key would have refused go with all the others in the end."""
    with server.connection.open(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DROP KEY {key}")
        try:
            yield
        finally:
            cursor.execute(f"DELETE FROM {table}")
            cursor.execute(f"ALTER TABLE {table} ADD UNIQUE KEY {key} ({columns})")
