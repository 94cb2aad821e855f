"""Administration beyond one request: pages, new plans, what follows, hostile names, addresses, and keys kept quiet."""

import json
import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from starlette.responses import JSONResponse, Response

from scrutineer.cli.audit import followed
from scrutineer.cli.option_values import Duration, expiry
from scrutineer.cli.plans import NEW_PLAN
from scrutineer.running_stack import RunningStack, announced
from tests.unit.scrutineer.cli.admin_api import CLIENT, CLIENT_ID, KEY, KEY_ID, LINE, AdminApi, problem
from tests.unit.scrutineer.cli.conftest import ADMIN_KEY, Command


def test_all_pages_of_a_list_are_shown(command: Command, api: AdminApi) -> None:
    def pages(method: str, path: str, query: dict[str, str]) -> Response:
        page = int(query.get("cursor", "0"))
        clients = [{**CLIENT, "name": f"client number {page}"}]
        return JSONResponse({"clients": clients, "next_cursor": str(page + 1) if page < 3 else None})

    api.other = pages
    done = command("clients", "list")
    assert re.findall(r"client number \d", done.out) == [f"client number {page}" for page in range(4)]
    assert [request[2].get("cursor") for request in api.requests] == [None, "1", "2", "3"]


def test_of_the_audit_log_no_more_is_asked_for_than_is_shown(command: Command, api: AdminApi) -> None:
    api.other = lambda method, path, query: JSONResponse(
        {"lines": [LINE] * int(query["limit"]), "next_cursor": str(int(query.get("cursor", "0")) + 1)}
    )
    assert command("audit", "list", "--limit", "3").out.count("clients:update") == 3
    assert command("audit", "list", "--limit", "150").out.count("clients:update") == 150
    assert [request[2]["limit"] for request in api.requests] == ["3", "100", "100"]


def test_a_new_plan_has_what_the_tables_came_with(command: Command, api: AdminApi) -> None:
    api.other = lambda method, path, query: problem(404, "not_found", "None.") if method == "GET" else None
    assert command("plans", "set", "silver", "--rate-per-s", "5").code == 0
    assert api.requests[-1] == ("PUT", "/v1/admin/plans/silver", {}, {**NEW_PLAN, "rate_per_s": 5})


def test_the_new_plan_is_the_one_of_the_migration() -> None:
    migration = (Path(__file__).parents[4] / "database" / "0003_access.sql").read_text()
    values = re.search(r"VALUES \('standard', (.*?), '(\[.*?\])', (\d+), (\d+), (\d+),", migration, re.DOTALL)
    assert values is not None
    numbers = [None if value == "NULL" else int(value) for value in (*values[1].split(", "), *values.groups()[2:])]
    names = [name for name in NEW_PLAN if name != "tasks"]
    assert dict(zip(names, numbers, strict=True)) == {name: NEW_PLAN[name] for name in names}


def test_records_of_api_gateway_that_are_behind_are_told_of(command: Command, api: AdminApi) -> None:
    api.other = lambda method, path, query: JSONResponse(CLIENT, headers={"Gateway-Records": "pending"})
    assert "scrutineer gateway mend" in command("clients", "enable", CLIENT_ID).err


def test_what_can_not_be_mended_is_told_and_is_no_success(command: Command, api: AdminApi) -> None:
    left = {"record": "plan gold", "problem": "refused"}
    api.other = lambda method, path, query: JSONResponse({"mended": [], "left": [left]})
    done = command("gateway", "mend")
    assert done.code == 3
    assert re.search(r"plan gold +refused +not mended", done.out)


def test_where_api_gateway_is_in_step_that_is_said(command: Command, api: AdminApi) -> None:
    api.other = lambda method, path, query: JSONResponse({"in_step": True, "differences": []})
    done = command("gateway", "status")
    assert (done.code, done.out) == (0, "API Gateway holds what our records say.\n")


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, "works"),
        ({"expires_at": "2099-01-01T00:00:00Z"}, "works until 2099-01-01 00:00:00"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expired 2020-01-01 00:00:00"),
        ({"revoked_at": "2020-01-02T00:00:00Z", "expires_at": "2099-01-01T00:00:00Z"}, "revoked 2020-01-02 00:00:00"),
        ({"revoked_at": "2098-01-02T00:00:00Z", "expires_at": "2099-01-01T00:00:00Z"}, "works until 2098-01-02"),
    ],
)
def test_a_key_says_whether_it_works(command: Command, api: AdminApi, fields: dict[str, str], state: str) -> None:
    api.other = lambda method, path, query: (
        JSONResponse({"keys": [{**KEY, **fields}], "next_cursor": None}) if path.endswith("/keys") else None
    )
    assert state in command("keys", "list").out


def test_a_name_can_not_steer_the_terminal(command: Command, api: AdminApi) -> None:
    evil = {**CLIENT, "name": "\x1b]0;owned\x07[red]Hub\x1b[2J"}
    api.other = lambda method, path, query: JSONResponse({"clients": [evil], "next_cursor": None})
    done = command("clients", "list")
    assert "\x1b" not in done.out
    assert "\x07" not in done.out
    assert "[red]Hub" in done.out


@pytest.mark.parametrize("client_id", ["../plans/gold", "a/b", "a?dry_run=true", "a#b", "ä b"])
def test_an_identifier_can_not_become_another_route(command: Command, api: AdminApi, client_id: str) -> None:
    command("clients", "show", client_id)
    ((_, path, query, _),) = api.requests
    assert path == f"/v1/admin/clients/{quote(client_id, safe='')}"
    assert query == {}


@pytest.mark.parametrize("client_id", ["", ".", ".."])
def test_an_identifier_of_nothing_is_refused_here(command: Command, api: AdminApi, client_id: str) -> None:
    assert "names nothing" in command("clients", "disable", client_id, "--yes").err
    assert api.requests == []


def test_the_audit_log_is_followed_without_a_line_lost_or_doubled() -> None:
    log: list[dict[str, Any]] = [{"request_id": number} for number in range(3)]
    more = iter([[3], [], [4, 5, 6], [7]])

    def wait() -> None:
        log.extend({"request_id": number} for number in next(more))

    lines = followed(lambda: reversed(log), limit=2, wait=wait)
    assert [line["request_id"] for line in islice(lines, 7)] == [1, 2, 3, 4, 5, 6, 7]


def test_following_ends_by_an_interrupt(url: str, tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "SCRUTINEER_URL": url, "SCRUTINEER_API_KEY": "scr_x"}
    command = [sys.executable, "-m", "scrutineer", "audit", "list", "--follow", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path) as following:
        assert following.stdout is not None
        assert json.loads(following.stdout.readline()) == LINE
        following.send_signal(signal.SIGINT)
        try:
            assert following.wait(10) == 130
        finally:
            following.kill()


def test_an_empty_log_can_be_followed() -> None:
    log: list[dict[str, Any]] = []
    lines = followed(lambda: reversed(log), limit=5, wait=lambda: log.append({"request_id": len(log)}))
    assert [line["request_id"] for line in islice(lines, 3)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("plans set gold --quota-day many", "neither a whole number nor none"),
        ("plans set gold --quota-day -1", "neither a whole number nor none"),
        ("keys create till --expires-in 2weeks", "no time such as"),
        ("usage show --from yesterday", "yesterday"),
        ("audit list --limit 0", "--limit"),
    ],
)
def test_a_value_that_is_none_is_wrong_usage(words: str, said: str, command: Command, api: AdminApi) -> None:
    done = command(*words.split())
    assert done.code == 2
    assert said in done.err
    assert api.requests == []


@pytest.mark.parametrize(
    "words",
    [
        f"clients update {CLIENT_ID}",
        f"keys update {KEY_ID}",
        f"keys update {KEY_ID} --expires-in 1d --never-expires",
        "members update m",
    ],
)
def test_a_change_of_nothing_or_of_opposites_is_refused_here(words: str, command: Command, api: AdminApi) -> None:
    done = command(*words.split())
    assert done.code == 1
    assert "Give --" in done.err
    assert api.requests == []


def test_an_expiry_is_that_long_from_now() -> None:
    assert expiry(Duration(90_061), datetime(2026, 12, 31, tzinfo=UTC)) == "2027-01-01T01:01:01Z"
    assert expiry(None) is None


def test_the_stack_that_runs_here_is_the_default(
    command: Command, api: AdminApi, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SCRUTINEER_URL")
    monkeypatch.delenv("SCRUTINEER_API_KEY")
    with announced(RunningStack(url, "scr_local"), tmp_path / ".local" / "stack.json"):
        assert command("whoami").code == 0
        assert api.keys == {"scr_local"}
        elsewhere = command("whoami", "--url", "https://elsewhere.example/dev")
    assert "SCRUTINEER_API_KEY" in elsewhere.err


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:9/dev", "can't be reached"),
        ("http://gateway.example/dev", "use https://"),
        ("gateway.example", "can't be reached"),
        ("http://[::1/dev", "--url"),
    ],
)
def test_an_address_that_leads_nowhere_is_told_without_the_key(command: Command, url: str, said: str) -> None:
    done = command("clients", "list", "--url", url, "--key", ADMIN_KEY)
    assert done.code == 1
    assert said in done.err
    assert ADMIN_KEY not in done.err + done.out


@pytest.mark.parametrize("answer", [Response("<html>"), Response("[]", media_type="application/json")])
def test_an_answer_that_is_not_ours_is_told_as_such(command: Command, api: AdminApi, answer: Response) -> None:
    api.other = lambda method, path, query: answer
    done = command("whoami")
    assert done.code == 1
    assert "is this the address of a Scrutineer?" in done.err


@pytest.mark.parametrize("key", ["scr_ä", "scr_\n", "scr_\x00"])
def test_a_key_that_can_be_none_is_refused_without_repeating_it(command: Command, key: str) -> None:
    done = command("whoami", "--key", key)
    assert done.code == 1
    assert "characters that no key has" in done.err
    assert key.strip() not in done.err


@pytest.mark.parametrize("status", [200, 400, 401, 403, 500, 502])
@pytest.mark.parametrize("words", ["whoami", "keys list", f"keys create till --client {CLIENT_ID}", "audit list"])
def test_the_own_key_is_never_shown(words: str, status: int, command: Command, api: AdminApi) -> None:
    if status != 200:
        api.other = lambda method, path, query: problem(status, "some_code", "No.")
    done = command(*words.split(), "--key", ADMIN_KEY)
    assert ADMIN_KEY not in done.out + done.err
