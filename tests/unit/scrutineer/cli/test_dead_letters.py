"""`scrutineer dead-letters`: what it shows, what it asks for, and when it asks again."""

import json

import pytest
from starlette.responses import JSONResponse, Response

from tests.unit.scrutineer.cli.admin_api import DEAD_LETTER, DEAD_LETTERS, MESSAGE_ID, REDRIVEN, AdminApi
from tests.unit.scrutineer.cli.conftest import Command

REDRIVE = "/v1/admin/dead-letters/redrive"


def test_list(command: Command, api: AdminApi) -> None:
    done = command("dead-letters", "list", "--stage", "invoke", "--limit", "5")
    assert done.code == 0
    for shown in ("invoke", MESSAGE_ID, DEAD_LETTER["inspection_id"], "9", "2026-11-21 09:30:00", DEAD_LETTER["why"]):
        assert str(shown) in done.out
    assert "about 2 more" in done.out
    assert api.requests == [("GET", "/v1/admin/dead-letters", {"stage": "invoke", "limit": "5"}, None)]


def test_list_as_json_and_of_none(command: Command, api: AdminApi) -> None:
    assert json.loads(command("dead-letters", "list", "--json").out) == DEAD_LETTERS
    nothing = {"queues": [{"stage": "invoke", "waiting": 0}], "dead_letters": []}
    api.other = lambda method, path, query: JSONResponse(nothing)
    assert command("dead-letters", "list").out == "There are no dead letters.\n"


def test_one_is_sent_again(command: Command, api: AdminApi) -> None:
    done = command("dead-letters", "redrive", "invoke", MESSAGE_ID)
    assert (done.code, done.out) == (0, "Sent again: 1.\n")
    assert api.requests == [("POST", REDRIVE, {}, {"stage": "invoke", "message_id": MESSAGE_ID})]


def test_all_are_sent_again_until_there_are_no_more(command: Command, api: AdminApi) -> None:
    calls: list[str] = []

    def other(method: str, path: str, query: dict[str, str]) -> Response | None:
        calls.append(path)
        return JSONResponse({**REDRIVEN, "more": True}) if len(calls) < 3 else None

    api.other = other
    done = command("dead-letters", "redrive", "invoke", "--all")
    assert (done.out, len(calls)) == ("Sent again: 3.\n", 3)


def test_what_can_not_be_sent_now_ends_the_asking(command: Command, api: AdminApi) -> None:
    api.other = lambda method, path, query: JSONResponse({**REDRIVEN, "inspection_ids": [], "kept": 4, "more": True})
    done = command("dead-letters", "redrive", "invoke", "--all")
    assert len(api.requests) == 1
    assert "Left where they are, since they name no inspection: 4." in done.out
    assert "There are more, which could not be sent now." in done.out


def test_a_dry_run_shows_and_does_not_go_on(command: Command, api: AdminApi) -> None:
    done = command("dead-letters", "redrive", "invoke", "--all", "--dry-run")
    assert "Would change" in done.out
    assert api.requests == [("POST", REDRIVE, {"dry_run": "true"}, {"stage": "invoke"})]


@pytest.mark.parametrize("words", [[], [MESSAGE_ID, "--all"]])
def test_one_or_all_and_not_both(command: Command, api: AdminApi, words: list[str]) -> None:
    done = command("dead-letters", "redrive", "invoke", *words)
    assert (done.code, done.err) == (1, "Error: Give the MESSAGE_ID of one, or --all.\n")
    assert api.requests == []
