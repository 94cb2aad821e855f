"""Lanes, overload and deadlines through the real gateway."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from scrutineer.local.stack import LocalStack

Final = Callable[..., dict[str, Any]]
OTHERS = "client-beside-"


@pytest.fixture
def full(stack: LocalStack, client: httpx.Client, body: dict[str, Any], final: Final) -> Iterator[None]:
    """Others' inspections hold all 15 places, and those of ten more clients wait; one has been measured."""
    measured = client.post("/v1/inspections", json=body, headers={"Prefer": "respond-async"}).json()["id"]
    final(measured)
    with stack.database.open() as connection, connection.cursor() as cursor:
        for number in range(25):
            cursor.execute(
                "INSERT INTO rvpxbverification_request_data (inspection_id, client_id, request_hash, state, checklist,"
                " checklist_version, item, photos, lease_until, queued_at, accepted_at, prechecked_at, updated_at)"
                " SELECT %s, %s, request_hash, 'prechecked', checklist, checklist_version, item, photos,"
                " IF(%s < 15, UTC_TIMESTAMP(6) + INTERVAL 1 HOUR, NULL), UTC_TIMESTAMP(6), UTC_TIMESTAMP(6),"
                " UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) FROM rvpxbverification_request_data WHERE inspection_id = %s",
                (f"insp_flood{number}", f"{OTHERS}{number}", number, measured),
            )
        connection.commit()
    try:
        yield
    finally:
        with stack.database.open() as connection, connection.cursor() as cursor:
            cursor.execute("DELETE FROM rvpxbverification_request_data WHERE client_id LIKE %s", (f"{OTHERS}%",))
            connection.commit()


@pytest.mark.usefixtures("full")
def test_overload_is_answered_at_once_with_an_estimate(
    client: httpx.Client, body: dict[str, Any], final: Final
) -> None:
    start = time.monotonic()
    answer = client.post("/v1/inspections", json=body, headers={"Prefer": "wait=20"})
    assert time.monotonic() - start < 15
    assert answer.status_code == 202
    assert answer.headers["Preference-Applied"] == "respond-async"
    assert int(answer.headers["Retry-After"]) >= 1
    told = answer.json()
    estimate = datetime.fromisoformat(told["estimated_start_at"])
    assert -5 < (estimate - datetime.now(UTC)).total_seconds() < 3600
    assert final(told["id"])["estimated_start_at"] is None


def test_with_room_it_is_waited_for(client: httpx.Client, body: dict[str, Any]) -> None:
    answer = client.post("/v1/inspections", json=body, headers={"Prefer": "wait=20"})
    assert answer.status_code == 200
    assert answer.json()["estimated_start_at"] is None


def test_bulk_goes_its_own_way(client: httpx.Client, body: dict[str, Any], final: Final) -> None:
    answer = client.post("/v1/inspections", json=body | {"lane": "bulk"})
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (202, "respond-async")
    assert answer.json()["lane"] == "bulk"
    assert final(answer.json()["id"])["verdict"] is not None


def test_what_comes_too_late_is_not_begun(client: httpx.Client, body: dict[str, Any], final: Final) -> None:
    headers = {"Prefer": "respond-async", "X-Deadline-Ms": "1"}
    answer = client.post("/v1/inspections", json=body, headers=headers)
    ended = final(answer.json()["id"])
    assert (ended["state"], ended["failure"]["code"]) == ("expired", "deadline_exceeded")


def test_a_deadline_that_is_met_changes_nothing(client: httpx.Client, body: dict[str, Any]) -> None:
    answer = client.post("/v1/inspections", json=body, headers={"Prefer": "wait=20", "X-Deadline-Ms": "60000"})
    assert answer.status_code == 200
    assert answer.json()["verdict"] is not None


@pytest.mark.parametrize("deadline", ["0", "-5", "soon", "86400001"])
def test_deadlines_that_are_none(client: httpx.Client, body: dict[str, Any], deadline: str) -> None:
    answer = client.post("/v1/inspections", json=body, headers={"X-Deadline-Ms": deadline})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
