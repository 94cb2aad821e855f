"""The connection under fire: deadlocks, a server that restarts, one that is away, one that only reads."""

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from core.accept import Accept
from core.contract import InspectionInput
from core.database import Database, DuplicateKey, Transaction
from core.erasure import Erasure
from core.errors import Unavailable
from core.handover import Handover
from core.inspection_records import InspectionRecords
from core.settings import DatabaseSettings
from core.states import State
from core.usage import UsageRecords
from inspections import app
from inspections.services import Services
from scrutineer.local.database import Database as Server
from tests.fakes.api_gateway import ask, rest_event
from tests.fakes.inspections import request_body
from tests.fakes.lane_load import lane_load
from tests.fakes.metrics import counted
from tests.fakes.object_store import InMemoryStore
from tests.fakes.queues import InMemoryQueue, both_lanes
from tests.fakes.requests import accepted, new_request
from tests.fakes.s3_client import photo_uploads
from tests.fakes.service import always_open
from tests.fakes.usage import GENEROUS

COUNT_UP = "UPDATE rvpxbverification_request_data SET attempts = attempts + 1 WHERE inspection_id = %s"


def attempts(database: Database, inspection_id: str) -> int:
    row = database.one("SELECT attempts FROM rvpxbverification_request_data WHERE inspection_id = %s", (inspection_id,))
    assert row is not None
    found: int = row["attempts"]
    return found


def test_transaction_is_all_or_nothing(database: Database) -> None:
    inspection_id = accepted(database)

    def work(transaction: Transaction) -> None:
        transaction.execute(COUNT_UP, (inspection_id,))
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        database.transaction(work)
    assert attempts(database, inspection_id) == 0


def test_deadlock_repeats_the_whole_transaction(connect: Callable[[], Database]) -> None:
    first, second = (accepted(connect()) for _ in range(2))
    both_hold_one = threading.Barrier(2)
    runs: list[str] = []

    def lock_both(database: Database, rows: tuple[str, str]) -> None:
        def work(transaction: Transaction) -> None:
            runs.append(rows[0])
            transaction.execute(COUNT_UP, (rows[0],))
            if runs.count(rows[0]) == 1:
                both_hold_one.wait()
            transaction.execute(COUNT_UP, (rows[1],))

        database.transaction(work)

    threads = [
        threading.Thread(target=lock_both, args=(connect(), rows)) for rows in ((first, second), (second, first))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(runs) == 3, "the one that InnoDB chose ran again"
    assert [attempts(connect(), each) for each in (first, second)] == [2, 2]


def test_deadlocks_without_end_are_unavailable(database: Database) -> None:
    runs: list[int] = []

    def work(transaction: Transaction) -> None:
        runs.append(1)
        transaction.execute("SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213")

    with pytest.raises(Unavailable, match="too busy"):
        database.transaction(work)
    assert len(runs) == 3
    assert counted("DatabaseDeadlocks") == [1.0] * 3


@pytest.mark.parametrize("number", [1290, 1836])
def test_read_only_after_a_failover_drops_the_connection(database: Database, number: int) -> None:
    before = database.one("SELECT CONNECTION_ID() AS id")
    with pytest.raises(Unavailable):
        database.execute(f"SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {number}")
    assert database.one("SELECT CONNECTION_ID() AS id") != before


def test_duplicate_key_leaves_nothing(database: Database) -> None:
    inspection_id = accepted(database)

    def work(transaction: Transaction) -> None:
        transaction.execute(COUNT_UP, (inspection_id,))
        InspectionRecords(database)  # the front's own insert is one statement; here it stands in a transaction
        transaction.execute(
            "INSERT INTO rvpxbverification_request_data (inspection_id, client_id, request_hash, state, checklist,"
            " checklist_version, item, photos, accepted_at, updated_at) VALUES (%s, 'c', 'h', 'accepted', 'l', 1, '{}',"
            " '[]', UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))",
            (inspection_id,),
        )

    with pytest.raises(DuplicateKey):
        database.transaction(work)
    assert attempts(database, inspection_id) == 0


def test_restarted_server_is_found_again(mariadb: Server, database: Database) -> None:
    inspection_id = accepted(database)
    mariadb.restart()
    database.execute(COUNT_UP, (inspection_id,))
    database.transaction(lambda transaction: transaction.execute(COUNT_UP, (inspection_id,)))
    assert attempts(database, inspection_id) == 2


def test_connection_killed_between_two_uses(database: Database, connect: Callable[[], Database]) -> None:
    row = database.one("SELECT CONNECTION_ID() AS id")
    assert row is not None
    connect().execute(f"KILL {row['id']}")
    assert database.one("SELECT 1 AS one") == {"one": 1}


def test_connection_killed_inside_a_transaction(database: Database, connect: Callable[[], Database]) -> None:
    inspection_id = accepted(database)
    killer = connect()

    def work(transaction: Transaction) -> None:
        transaction.execute(COUNT_UP, (inspection_id,))
        row = transaction.one("SELECT CONNECTION_ID() AS id")
        assert row is not None
        killer.execute(f"KILL {row['id']}")
        transaction.execute(COUNT_UP, (inspection_id,))

    with pytest.raises(Unavailable):
        database.transaction(work)
    assert attempts(database, inspection_id) == 0


def test_server_that_says_nothing(settings: DatabaseSettings) -> None:
    """As a proxy does that waits for its database: the caller decides how long that is borne."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = replace(settings, port=silent.getsockname()[1])
        database = Database(address, read_timeout_s=0.3)
        start = time.monotonic()
        with pytest.raises(Unavailable):
            database.one("SELECT 1")
        assert 0.2 < time.monotonic() - start < 4  # without it, as long as a whole call may take


def test_server_away(mariadb: Server, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """No 202 without durability: 503 with Retry-After, no row, no message - and all is well once it is back."""
    records, store, queue = InspectionRecords(database), InMemoryStore(), InMemoryQueue()
    accept = Accept(records, store, Handover(database, both_lanes({State.ACCEPTED: queue})), always_open())
    services = Services(
        database,
        records,
        UsageRecords(database),
        accept,
        Erasure(database, store),
        always_open(),
        lane_load(database),
        photo_uploads(),
    )
    monkeypatch.setattr(app, "services", lambda: services)
    post = rest_event("POST", "/v1/inspections", body=request_body(), headers={"Prefer": "respond-async"})
    request = new_request()
    records.state(request.inspection_id)
    mariadb.kill()
    try:
        for event in (post, rest_event("GET", "/v1/inspections")):
            answer = ask(app.app, event, database)
            assert (answer.status, answer.json["code"]) == (503, "unavailable")
            assert int(answer.headers["Retry-After"]) > 0
        for use in (
            lambda: records.add(request),
            lambda: records.state(request.inspection_id),
            lambda: accept(InspectionInput.model_validate(request_body()), "client-a", GENEROUS, "k"),
        ):
            with pytest.raises(Unavailable):
                use()
        assert queue.sent == []
    finally:
        mariadb.start()
    assert database.all("SELECT inspection_id FROM rvpxbverification_request_data") == []
    assert ask(app.app, post, database).status == 202
