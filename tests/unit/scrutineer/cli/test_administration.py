"""Every command of administration: the request it makes, what it shows, and when it asks first."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

import pytest
import typer.main

from core.roles import ROUTES
from scrutineer.cli.main import app
from tests.unit.scrutineer.cli.admin_api import (
    CLIENT_ID,
    DRY_RUN,
    GATEWAY_DRY_RUN,
    KEY_ID,
    LIMITS,
    MEMBER_ID,
    MESSAGE_ID,
    NEW_KEY,
    AdminApi,
    problem,
)
from tests.unit.scrutineer.cli.conftest import ADMIN_KEY, Command

CLIENT_PATH = f"/v1/admin/clients/{CLIENT_ID}"
KEY_PATH, MEMBER_PATH = f"{CLIENT_PATH}/keys/{KEY_ID}", f"{CLIENT_PATH}/members/{MEMBER_ID}"


@dataclass(frozen=True)
class Case:
    """`words` as typed, and the request that they are to make, the last one sent."""

    words: str
    method: str
    path: str
    body: Any = None
    query: dict[str, str] = field(default_factory=dict)
    shows: tuple[str, ...] = ()
    destroys: str = ""
    """The word that must be typed before it is done."""
    code: int = 0


CASES = [
    Case(
        "clients list",
        "GET",
        "/v1/admin/clients",
        query={"limit": "100"},
        shows=(CLIENT_ID, "Hub 7", "standard", "2026-11-21 09:30:00"),
    ),
    Case(f"clients show {CLIENT_ID}", "GET", CLIENT_PATH, shows=("Hub 7", "retention_days")),
    Case(
        "clients create Hub-7 --retention-days 30 --reuse-window 24h --photo-match-window 30d",
        "POST",
        "/v1/admin/clients",
        {
            "name": "Hub-7",
            "plan": "standard",
            "retention_days": 30,
            "reuse_window_s": 86_400,
            "photo_match_window_s": 2_592_000,
        },
        shows=(CLIENT_ID,),
    ),
    Case(
        f"clients update {CLIENT_ID} --plan gold --retention-days none --reuse-window none --photo-match-window none",
        "PATCH",
        CLIENT_PATH,
        {"plan": "gold", "retention_days": None, "reuse_window_s": None, "photo_match_window_s": None},
    ),
    Case(f"clients disable {CLIENT_ID}", "PATCH", CLIENT_PATH, {"disabled": True}, destroys="disable"),
    Case(f"clients enable {CLIENT_ID}", "PATCH", CLIENT_PATH, {"disabled": False}),
    Case(f"clients erase-photos {CLIENT_ID}", "DELETE", f"{CLIENT_PATH}/photos", destroys="erase"),
    Case(
        "keys list",
        "GET",
        f"{CLIENT_PATH}/keys",
        query={"limit": "100"},
        shows=(KEY_ID, "scr_Nabc", "inspections:read", "works"),
    ),
    Case(
        f"keys create till --role reviewer --scope inspections:read --scope usage:read --client {CLIENT_ID}",
        "POST",
        f"{CLIENT_PATH}/keys",
        {"name": "till", "role": "reviewer", "scopes": ["inspections:read", "usage:read"]},
        shows=(KEY_ID, NEW_KEY),
    ),
    Case(
        f"keys update {KEY_ID} --name till-2 --never-expires", "PATCH", KEY_PATH, {"name": "till-2", "expires_at": None}
    ),
    Case(
        f"keys rotate {KEY_ID} --overlap 48h",
        "POST",
        f"{KEY_PATH}/rotate",
        {"overlap_s": 172_800},
        shows=(NEW_KEY, f"old key {KEY_ID} works until 2099-01-01 00:00:00"),
    ),
    Case(f"keys rotate {KEY_ID}", "POST", f"{KEY_PATH}/rotate", {}),
    Case(f"keys revoke {KEY_ID}", "DELETE", KEY_PATH, destroys="revoke"),
    Case(
        "members list",
        "GET",
        f"{CLIENT_PATH}/members",
        query={"limit": "100"},
        shows=(MEMBER_ID, "Ann", "https://id.example/", "ann|1"),
    ),
    Case(
        "members add Ann --issuer https://id.example/ --subject ann|1 --role reviewer",
        "POST",
        f"{CLIENT_PATH}/members",
        {"name": "Ann", "issuer": "https://id.example/", "subject": "ann|1", "role": "reviewer"},
        shows=(MEMBER_ID,),
    ),
    Case(f"members update {MEMBER_ID} --role operator", "PATCH", MEMBER_PATH, {"role": "operator"}),
    Case(f"members remove {MEMBER_ID}", "DELETE", MEMBER_PATH, destroys="remove"),
    Case("plans list", "GET", "/v1/admin/plans", shows=("gold", "100000", "inspect, embed", "20 (at most 25)")),
    Case("plans show gold", "GET", "/v1/admin/plans/gold", shows=("quota_month",)),
    Case(
        "plans set gold --quota-day 500 --quota-month none --task inspect",
        "PUT",
        "/v1/admin/plans/gold",
        {**LIMITS, "quota_day": 500, "quota_month": None, "tasks": ["inspect"]},
    ),
    Case("plans delete gold", "DELETE", "/v1/admin/plans/gold", destroys="delete"),
    Case(
        "usage show --from 2026-11-01 --to 2026-11-21",
        "GET",
        f"{CLIENT_PATH}/usage",
        query={"from": "2026-11-01", "to": "2026-11-21"},
        shows=("this_month", "1240", "2026-11-20", "1,200", "█"),
    ),
    Case(
        f"audit list --client {CLIENT_ID} --actor {KEY_ID} --action clients:update",
        "GET",
        "/v1/admin/audit",
        query={"client": CLIENT_ID, "actor": KEY_ID, "action": "clients:update", "limit": "50"},
        shows=(KEY_ID, "clients:update", "203.0.113.9", "plan: standard → gold"),
    ),
    Case("gateway status", "GET", "/v1/admin/gateway", shows=(KEY_ID, "not on the usage plan"), code=3),
    Case("gateway mend", "POST", "/v1/admin/gateway/reconcile", shows=(KEY_ID, "mended")),
    Case("dead-letters list", "GET", "/v1/admin/dead-letters", query={"limit": "20"}, shows=(MESSAGE_ID, "invoke")),
    Case(
        f"dead-letters redrive invoke {MESSAGE_ID}",
        "POST",
        "/v1/admin/dead-letters/redrive",
        body={"stage": "invoke", "message_id": MESSAGE_ID},
        shows=("Sent again: 1",),
    ),
    Case("whoami", "GET", "/v1/me", shows=(CLIENT_ID, KEY_ID, "admin", "month", "98760")),
    Case("hours", "GET", "/v1/service", shows=("Asia/Kolkata", "2026-11-22 00:30:00", "217")),
    Case("roles", "GET", "/v1/admin/roles", shows=("auditor", "audit:read")),
]
CHANGING = [case for case in CASES if case.method != "GET"]
DESTROYING = [case for case in CASES if case.destroys]
SHOWING_A_KEY = ("keys create", "keys rotate")


def words(case: Case) -> str:
    return case.words


@pytest.mark.parametrize("case", CASES, ids=words)
def test_asks_the_gateway_and_shows_the_answer(case: Case, command: Command, api: AdminApi) -> None:
    done = command(*case.words.split(), *(["--yes"] if case.destroys else []))
    assert done.code == case.code, done.err
    assert api.requests[-1] == (case.method, case.path, case.query, case.body)
    assert [shown for shown in case.shows if shown not in done.out] == []
    assert api.keys == {ADMIN_KEY}


@pytest.mark.parametrize("case", CASES, ids=words)
def test_as_json_it_is_the_answer_and_nothing_else(case: Case, command: Command, api: AdminApi) -> None:
    done = command(*case.words.split(), "--json", *(["--yes"] if case.destroys else []))
    answer = json.loads(done.out)
    assert isinstance(answer, dict)
    assert (NEW_KEY in done.out) == case.words.startswith(SHOWING_A_KEY)
    assert done.err == ""


@pytest.mark.parametrize("case", CHANGING, ids=words)
def test_a_dry_run_shows_what_would_change_and_sends_nothing_else(case: Case, command: Command, api: AdminApi) -> None:
    done = command(*case.words.split(), "--dry-run")
    assert done.code == 0, done.err
    if case.words == "gateway mend":
        assert re.search(rf"{KEY_ID} +not on the usage plan +would be mended", done.out)
    else:
        assert re.search(r"plan +standard +gold", done.out)
        assert "Hub 7" not in done.out
    changing = [request for request in api.requests if request[0] != "GET"]
    assert changing == [(case.method, case.path, {"dry_run": "true"}, case.body)]
    as_json = command(*case.words.split(), "--dry-run", "--json")
    assert json.loads(as_json.out) == (GATEWAY_DRY_RUN if case.words == "gateway mend" else DRY_RUN)


@pytest.mark.parametrize("case", DESTROYING, ids=words)
def test_where_nobody_can_be_asked_nothing_is_destroyed(case: Case, command: Command, api: AdminApi) -> None:
    done = command(*case.words.split())
    assert done.code == 1
    assert "say --yes" in done.err
    assert [request for request in api.requests if request[0] != "GET"] == []


def test_every_route_of_administration_has_a_command() -> None:
    reached = {route for case in CASES for route in ROUTES if route.matches(case.method, case.path)}
    wanted = {route for route in ROUTES if route.path.startswith("/v1/admin/") or route.path == "/v1/me"}
    assert wanted - reached == set()


@pytest.mark.parametrize(
    ("status", "code", "more", "said"),
    [
        (400, "invalid_request", {"field": "quota_day"}, "400 invalid_request: No. (field quota_day)"),
        (401, "unauthorized", {}, "401 unauthorized: No."),
        (403, "forbidden", {"field": "role"}, "403 forbidden: No. (field role)"),
        (404, "not_found", {}, "404 not_found: No."),
        (409, "conflict", {}, "409 conflict: No."),
        (429, "throttled", {"retry_after": 7}, "429 throttled: No. Come back in 7 s."),
        (503, "unavailable", {"retry_after": 2}, "503 unavailable: No. Come back in 2 s."),
    ],
)
@pytest.mark.parametrize("typed", ["clients list", f"keys revoke {KEY_ID} --yes", "plans delete gold --yes", "whoami"])
def test_a_problem_is_one_line_with_code_and_field(
    typed: str, status: int, code: str, more: dict[str, Any], said: str, command: Command, api: AdminApi
) -> None:
    api.other = lambda method, path, query: (
        problem(status, code, "No.", **more) if path != "/v1/me" or typed == "whoami" else None
    )
    done = command(*typed.split())
    assert done.code == 1
    assert done.err == f"Error: {said}\n"
    assert done.out == ""


def test_every_command_of_administration_is_tried_here() -> None:
    groups = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    commands = {
        f"{group} {name}"
        for group in ("clients", "keys", "members", "plans", "usage", "audit", "gateway")
        for name in groups[group].commands
    }
    assert commands - {" ".join(case.words.split()[:2]) for case in CASES} == set()
