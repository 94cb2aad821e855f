"""Photos go, the fact stays; retention and erasure by client against a real server."""

import pytest

from core.database import Database
from core.erasure import Erasure
from core.errors import Conflict, Unavailable
from core.storage import capture_key, photo_key, prepared_key, request_key
from tests.fakes.object_store import InMemoryStore
from tests.fakes.requests import accepted


def with_photos(database: Database, store: InMemoryStore, *, days_ago: int = 0, client_id: str = "client-a") -> str:
    """A passed inspection of three photos."""
    inspection_id = accepted(database, client_id=client_id)
    database.execute(
        "UPDATE rvpxbverification_request_data SET state = 'passed', finished_at = UTC_TIMESTAMP(6),"
        " accepted_at = UTC_TIMESTAMP(6) - INTERVAL %s DAY WHERE inspection_id = %s",
        (days_ago, inspection_id),
    )
    for index in range(3):
        store.put(photo_key(inspection_id, index), b"x", "image/jpeg")
        store.put(prepared_key(inspection_id, index), b"x", "image/jpeg")
    store.put(request_key(inspection_id), b"{}", "application/json")
    store.put(capture_key(inspection_id), b"{}", "application/json")
    return inspection_id


def erased(database: Database) -> set[str]:
    rows = database.all("SELECT inspection_id FROM rvpxbverification_request_data WHERE photos_deleted_at IS NOT NULL")
    return {row["inspection_id"] for row in rows}


def test_photos_go_and_the_record_stays(database: Database) -> None:
    store = InMemoryStore()
    one, other = with_photos(database, store), with_photos(database, store)
    erasure = Erasure(database, store)
    assert erasure.erase("client-a", one)
    assert erasure.erase("client-a", one)
    assert erased(database) == {one}
    assert capture_key(one) in store.objects
    assert not any(one in key for key in store.objects if not key.startswith("captures/"))
    assert sum(other in key for key in store.objects) == 8


def test_not_the_clients_own(database: Database) -> None:
    store = InMemoryStore()
    inspection_id = with_photos(database, store)
    assert not Erasure(database, store).erase("client-b", inspection_id)
    assert len(store.objects) == 8


def test_not_before_it_is_final(database: Database) -> None:
    store = InMemoryStore()
    inspection_id = accepted(database)
    with pytest.raises(Conflict):
        Erasure(database, store).erase("client-a", inspection_id)


def test_row_says_so_only_after_the_objects_are_gone(database: Database) -> None:
    store = InMemoryStore()
    inspection_id = with_photos(database, store)
    store.refused.add(prepared_key(inspection_id, 2))
    with pytest.raises(Unavailable):
        Erasure(database, store).erase("client-a", inspection_id)
    assert erased(database) == set()
    store.refused.clear()
    assert Erasure(database, store).erase("client-a", inspection_id)
    assert erased(database) == {inspection_id}


def test_retention_is_each_clients_own(database: Database) -> None:
    store = InMemoryStore()
    old, young = with_photos(database, store, days_ago=8), with_photos(database, store, days_ago=6)
    with_photos(database, store, days_ago=100, client_id="client-b")
    running = accepted(database)
    database.execute(
        "UPDATE rvpxbverification_request_data SET accepted_at = accepted_at - INTERVAL 9 DAY WHERE inspection_id = %s",
        (running,),
    )
    database.execute("UPDATE clients SET retention_days = 7 WHERE client_id = 'client-a'")
    erasure = Erasure(database, store)
    assert erasure.erase_due(limit=10) == 1
    assert erased(database) == {old}
    assert erasure.erase_due(limit=10) == 0
    database.execute("UPDATE clients SET retention_days = NULL, erase_before = UTC_TIMESTAMP(6)")
    assert erasure.erase_due(limit=1) == 1
    assert erasure.erase_due(limit=10) == 1
    assert young in erased(database)
    assert running not in erased(database)


def test_portions_go_on_across_clients(database: Database) -> None:
    store = InMemoryStore()
    for client_id in ("client-a", "client-b"):
        for _ in range(2):
            with_photos(database, store, client_id=client_id)
    database.execute("UPDATE clients SET erase_before = UTC_TIMESTAMP(6) + INTERVAL 1 SECOND")
    assert Erasure(database, store).erase_due(limit=3) == 3
    assert Erasure(database, store).erase_due(limit=3) == 1
