"""Every event in events/ through the real runtime, as `sam local invoke` would send it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scrutineer.local.settings import ROOT
from scrutineer.local.stack import LocalStack

EVENTS = sorted((ROOT / "events").glob("*.json"))
SAMPLE_ID = "insp_aaaaaaaaaaaaaaaaaaaaaaaaaa"
SAMPLE_BATCH = "batch_aaaaaaaaaaaaaaaaaaaaaaaaaa"
SAMPLE_CLIENT = "client_aaaaaaaaaaaaaaaaaaaaaaaaaa"


def function_of(event: Path) -> str:
    return f"{event.stem.partition('-')[0].capitalize()}Function"


@pytest.fixture(scope="module", autouse=True)
def sample_row(stack: LocalStack) -> None:
    """The inspection and the batch that the events name, long ended: their messages find nothing left to do."""
    with stack.database.open() as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO clients (client_id, name, plan, created_at)"
            " VALUES (%s, 'Sample', 'standard', UTC_TIMESTAMP(6))",
            (SAMPLE_CLIENT,),
        )
        cursor.execute(
            "INSERT INTO rvpxbverification_request_data (inspection_id, client_id, request_hash, state, checklist,"
            " checklist_version, item, photos, accepted_at, finished_at, updated_at) VALUES (%s, %s, '', 'error',"
            " 'reverse-pickup', 1, '{\"description\": \"red shoe\"}', '[]', UTC_TIMESTAMP(6), UTC_TIMESTAMP(6),"
            " UTC_TIMESTAMP(6))",
            (SAMPLE_ID, SAMPLE_CLIENT),
        )
        cursor.execute(
            "INSERT INTO batches (batch_id, client_id, request_hash, state, manifest_key, line_count, created_at,"
            " finished_at, updated_at) VALUES (%s, %s, '', 'finished', '', 1, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6),"
            " UTC_TIMESTAMP(6))",
            (SAMPLE_BATCH, SAMPLE_CLIENT),
        )
        connection.commit()


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.stem)
def test_the_handler_takes_its_event(stack: LocalStack, event: Path) -> None:
    result = stack.invoke(function_of(event), json.loads(event.read_text()))
    answer: Any = json.loads(result.payload)
    match event.stem.split("-"):
        case ["authorizer"]:
            # The sample's key is made up; 401 is what the gateway makes of exactly this message.
            assert (result.function_error, answer["errorMessage"]) == ("Unhandled", "Unauthorized")
        case ["precheck" | "invoke" | "format" | "spread"]:
            assert answer == {"batchItemFailures": []}
        case ["notify", _]:
            assert answer == {"batchItemFailures": [], "delivered": 0, "failed": 0, "dead": 0}
        case ["sweeper"]:
            assert set(answer) == {"expired", "sent", "given_up", "released", "batches"}
        case ["reconcile"]:
            assert set(answer) == {"mended", "left"}
        case ["retention"]:
            assert answer == {"erased": 0, "fingerprints": 0}
        case ["archive"]:
            assert set(answer) == {"archived", "failed"}
        case ["warmup"]:
            assert answer == {"warm": None}  # always open: there is nothing to warm up for
        case ["migrate", "run"]:
            assert answer == {"applied": []}  # the stack did it when it started
        case ["migrate", "bootstrap"]:
            assert set(answer) == {"client_id", "key_id", "key"}
        case ["inspections", "create"]:
            assert answer["statusCode"] == 202, answer
            assert json.loads(answer["body"])["reference"] == "AWB-0001"
        case ["batches", "create"]:
            assert answer["statusCode"] == 202, answer
        case _:
            assert answer["statusCode"] == 200, answer


@pytest.mark.parametrize("spoil", ["not JSON", '{"inspection_id": "x"}', '{"inspection_id": "insp_' + "z" * 26 + '"}'])
@pytest.mark.parametrize("stage", ["precheck", "invoke", "format"])
def test_poison_is_a_failed_item_and_not_a_failed_function(
    stack: LocalStack, stage: str, spoil: str, sample_event: Callable[[str], dict[str, Any]]
) -> None:
    event = sample_event(stage)
    event["Records"][0]["body"] = spoil
    result = stack.invoke(f"{stage.capitalize()}Function", event)
    assert result.function_error is None
    assert json.loads(result.payload) == {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}


@pytest.fixture
def sample_event() -> Callable[[str], dict[str, Any]]:
    def read(stage: str) -> dict[str, Any]:
        event: dict[str, Any] = json.loads((ROOT / "events" / f"{stage}.json").read_text())
        return event

    return read


def test_every_function_has_an_event(stack: LocalStack) -> None:
    assert {function_of(event) for event in EVENTS} == set(stack.functions)
