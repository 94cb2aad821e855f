"""Administration over the real tables: each route does what it says, in one transaction with its line in the log."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pymysql
import pytest

from core.database import Database
from core.principal_records import PrincipalRecords
from core.roles import Action, Role
from tests.fakes.administration import PLAN, Administration

CLIENTS = "/v1/admin/clients"
KEYS = f"{CLIENTS}/client-a/keys"
MEMBERS = f"{CLIENTS}/client-a/members"
ALICE = {"name": "Alice", "issuer": "https://id.example/", "subject": "alice", "role": "viewer"}


@pytest.fixture
def desk(database: Database) -> Administration:
    desk = Administration(database)
    desk.key("key_me", Role.ADMIN)
    return desk


def later(**time: float) -> str:
    return (datetime.now(UTC) + timedelta(**time)).isoformat()


def test_a_client_is_made_with_its_usage(desk: Administration) -> None:
    answer = desk.ask("POST", CLIENTS, {"name": "Hub 7", "plan": "standard", "retention_days": 30})
    client = answer.json
    assert (answer.status, client["name"], client["retention_days"]) == (201, "Hub 7", 30)
    assert answer.headers["Location"] == f"{CLIENTS}/{client['client_id']}"
    assert answer.headers["Gateway-Records"] == "pending"  # it is away, and the client is there all the same
    assert desk.ask("GET", f"{CLIENTS}/{client['client_id']}").json == client
    assert desk.ask("GET", f"{CLIENTS}/{client['client_id']}/usage").json == {
        "client_id": client["client_id"],
        "today": 0,
        "this_month": 0,
        "running": 0,
        "days": [],
    }
    assert desk.rows(f"SELECT day_count FROM client_usage WHERE client_id = '{client['client_id']}'")


def test_a_client_changes_field_by_field(desk: Administration) -> None:
    path = f"{CLIENTS}/client-b"
    desk.ask("PUT", "/v1/admin/plans/small", PLAN)
    assert desk.ask("PATCH", path, {"retention_days": 7}).json["retention_days"] == 7
    assert desk.ask("PATCH", path, {"reuse_window_s": 3600}).json["reuse_window_s"] == 3600
    renamed = desk.ask("PATCH", path, {"name": "B"}).json
    assert (renamed["name"], renamed["retention_days"], renamed["plan"]) == ("B", 7, "standard")
    assert desk.ask("PATCH", path, {"plan": "small", "retention_days": None}).json["retention_days"] is None
    assert desk.ask("PATCH", path, {"reuse_window_s": None}).json["reuse_window_s"] is None
    assert desk.ask("PATCH", path, {"photo_match_window_s": 3600}).json["photo_match_window_s"] == 3600
    assert desk.ask("PATCH", path, {"name": "B"}).json["photo_match_window_s"] == 3600
    assert desk.ask("PATCH", path, {"photo_match_window_s": None}).json["photo_match_window_s"] is None
    disabled = desk.ask("PATCH", path, {"disabled": True}).json["disabled_at"]
    assert disabled is not None
    again = desk.ask("PATCH", path, {"disabled": True}).json
    assert (again["disabled_at"], again["plan"]) == (disabled, "small")
    assert desk.ask("PATCH", path, {"disabled": False}).json["disabled_at"] is None


@pytest.mark.parametrize("body", [{"name": "x", "plan": "nope"}, {"name": "x", "plan": "standard2"}])
def test_an_unknown_plan_is_named(desk: Administration, body: dict[str, Any]) -> None:
    for method, path in (("POST", CLIENTS), ("PATCH", f"{CLIENTS}/client-b")):
        answer = desk.ask(method, path, body)
        assert (answer.status, answer.json["field"]) == (400, "plan")
    assert desk.audit() == []


def test_clients_come_in_pages(desk: Administration) -> None:
    seen: list[str] = []
    query = {"limit": "2"}
    while query:
        page = desk.ask("GET", CLIENTS, query=query).json
        seen += [client["client_id"] for client in page["clients"]]
        query = {"limit": "2", "cursor": page["next_cursor"]} if page["next_cursor"] else {}
    assert seen == ["client-a", "client-b", "client-c"]


def test_erasing_photos_marks_the_moment(desk: Administration) -> None:
    answer = desk.ask("DELETE", f"{CLIENTS}/client-b/photos")
    assert (answer.status, answer.json["client_id"]) == (202, "client-b")
    age = datetime.now(UTC) - datetime.fromisoformat(answer.json["erase_before"])
    assert abs(age) < timedelta(minutes=1)


def test_a_key_opens_the_door_and_is_stored_as_its_hash_alone(desk: Administration, database: Database) -> None:
    answer = desk.ask("POST", KEYS, {"name": "scanner", "role": "operator", "scopes": ["inspections:read"]})
    key = answer.json
    assert (answer.status, answer.headers["Cache-Control"]) == (201, "no-store")
    assert len(key["key"]) == 47
    assert key["key"].startswith("scr_")
    assert (key["hint"], key["scopes"]) == (key["key"][:8], ["inspections:read"])

    principal = PrincipalRecords(database).by_key_hash(hashlib.sha256(key["key"].encode()).digest())
    assert principal is not None
    assert (principal.actor, principal.role) == (key["key_id"], Role.OPERATOR)
    assert principal.scopes == {Action.READ_INSPECTIONS}
    everything = str(desk.rows("SELECT * FROM api_keys")) + str(desk.audit()) + desk.ask("GET", KEYS).text
    assert key["key"] not in everything
    assert "key_hash" not in str(desk.audit()) + desk.ask("GET", KEYS).text


def test_rotation_lets_both_keys_work_for_the_overlap(desk: Administration, database: Database) -> None:
    old = desk.ask("POST", KEYS, {"name": "scanner", "role": "operator", "scopes": ["inspections:read"]}).json
    answer = desk.ask("POST", f"{KEYS}/{old['key_id']}/rotate", {"overlap_s": 3600})
    new = answer.json["new"]
    assert (answer.status, answer.headers["Cache-Control"]) == (201, "no-store")
    assert {name: new[name] for name in ("name", "role", "scopes", "replaces_key_id")} == {
        "name": "scanner",
        "role": "operator",
        "scopes": ["inspections:read"],
        "replaces_key_id": old["key_id"],
    }
    ends_in = datetime.fromisoformat(answer.json["old"]["revoked_at"]) - datetime.now(UTC)
    assert abs(ends_in - timedelta(hours=1)) < timedelta(minutes=1)
    assert works(database, old["key"])
    assert works(database, new["key"])

    desk.database.execute(
        "UPDATE api_keys SET revoked_at = UTC_TIMESTAMP(6) WHERE key_id = %s", (old["key_id"],)
    )  # the overlap is over
    assert not works(database, old["key"])
    assert works(database, new["key"])


def test_a_rotation_without_body_takes_a_day(desk: Administration) -> None:
    key_id = desk.key("key_old", Role.OPERATOR)
    old = desk.ask("POST", f"{KEYS}/{key_id}/rotate").json["old"]
    ends_in = datetime.fromisoformat(old["revoked_at"]) - datetime.now(UTC)
    assert abs(ends_in - timedelta(days=1)) < timedelta(minutes=1)


@pytest.mark.parametrize("column", ["revoked_at", "expires_at"])
def test_a_key_at_its_end_is_not_rotated(desk: Administration, column: str) -> None:
    ended: dict[str, Any] = {column: datetime(2020, 1, 1)}
    key_id = desk.key("key_old", Role.OPERATOR, **ended)
    answer = desk.ask("POST", f"{KEYS}/{key_id}/rotate", {})
    assert (answer.status, answer.json["code"]) == (409, "conflict")
    assert len(desk.rows("SELECT * FROM api_keys")) == 2


def test_a_replaced_key_is_not_replaced_again(desk: Administration) -> None:
    key_id = desk.key("key_old", Role.OPERATOR)
    assert desk.ask("POST", f"{KEYS}/{key_id}/rotate", {}).status == 201
    assert desk.ask("POST", f"{KEYS}/{key_id}/rotate", {}).status == 409


def test_a_rotated_key_keeps_its_expiry(desk: Administration) -> None:
    old = desk.ask("POST", KEYS, {"name": "x", "role": "viewer", "expires_at": later(days=3)}).json
    rotated = desk.ask("POST", f"{KEYS}/{old['key_id']}/rotate", {}).json
    assert rotated["new"]["expires_at"] == old["expires_at"]


def test_revoking_ends_a_key_at_once_and_an_overlap_early(desk: Administration, database: Database) -> None:
    key = desk.ask("POST", KEYS, {"name": "x", "role": "viewer"}).json
    desk.ask("POST", f"{KEYS}/{key['key_id']}/rotate", {})
    assert works(database, key["key"])
    answer = desk.ask("DELETE", f"{KEYS}/{key['key_id']}")
    assert answer.status == 200
    assert not works(database, key["key"])
    assert desk.ask("DELETE", f"{KEYS}/{key['key_id']}").json["revoked_at"] == answer.json["revoked_at"]


def test_a_key_is_renamed_and_given_an_end(desk: Administration) -> None:
    key_id = desk.key("key_x", Role.VIEWER)
    end = later(days=1)
    changed = desk.ask("PATCH", f"{KEYS}/{key_id}", {"name": "new", "expires_at": end}).json
    assert changed["name"] == "new"
    assert datetime.fromisoformat(changed["expires_at"]) == datetime.fromisoformat(end)
    assert desk.ask("PATCH", f"{KEYS}/{key_id}", {"expires_at": None}).json["expires_at"] is None


@pytest.mark.parametrize(
    "end",
    [later(seconds=-1), later(days=3651), "9999-12-31T23:59:59-12:00"],
    ids=["over", "too late", "beyond the calendar"],
)
def test_an_expiry_lies_ahead_within_reason(desk: Administration, end: str) -> None:
    key_id = desk.key("key_x", Role.VIEWER)
    for method, path, body in (
        ("POST", KEYS, {"name": "x", "role": "viewer", "expires_at": end}),
        ("PATCH", f"{KEYS}/{key_id}", {"expires_at": end}),
    ):
        answer = desk.ask(method, path, body)
        assert (answer.status, answer.json["field"]) == (400, "expires_at")
    assert desk.audit() == []


def test_an_expiry_in_another_zone_is_the_same_moment(desk: Administration) -> None:
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
    east = (end + timedelta(hours=5, minutes=30)).replace(tzinfo=None).isoformat() + "+05:30"
    key = desk.ask("POST", KEYS, {"name": "x", "role": "viewer", "expires_at": east}).json
    assert datetime.fromisoformat(key["expires_at"]) == end


def test_members_come_and_go(desk: Administration, database: Database) -> None:
    member = desk.ask("POST", MEMBERS, ALICE).json
    found = PrincipalRecords(database).by_subject("https://id.example/", "alice")
    assert found is not None
    assert (found.actor, found.role) == (member["member_id"], Role.VIEWER)
    path = f"{MEMBERS}/{member['member_id']}"
    assert desk.ask("PATCH", path, {"role": "operator"}).json["role"] == "operator"
    assert desk.ask("PATCH", path, {"name": "A."}).json["name"] == "A."
    assert desk.ask("GET", MEMBERS).json["members"][0]["role"] == "operator"
    answer = desk.ask("DELETE", path)
    assert (answer.status, answer.text) == (204, "")
    assert desk.ask("DELETE", path).status == 404


def test_an_identity_is_one_member(desk: Administration) -> None:
    assert desk.ask("POST", MEMBERS, ALICE).status == 201
    answer = desk.ask("POST", f"{CLIENTS}/client-b/members", ALICE)
    assert (answer.status, answer.json["code"]) == (409, "conflict")
    assert len(desk.audit()) == 1


@pytest.mark.parametrize(
    ("given", "session"),
    [
        ("arn:aws:iam::123456789012:role/hub", "arn:aws:sts::123456789012:assumed-role/hub/i-1"),
        ("arn:aws:iam::123456789012:role/a/path/hub", "arn:aws:sts::123456789012:assumed-role/hub/i-1"),
        ("arn:aws:sts::123456789012:assumed-role/hub/i-2", "arn:aws:sts::123456789012:assumed-role/hub/i-1"),
        ("arn:aws:iam::123456789012:user/p/hub", "arn:aws:iam::123456789012:user/p/hub"),
    ],
)
def test_a_machine_is_found_by_its_session(desk: Administration, database: Database, given: str, session: str) -> None:
    desk.ask("POST", MEMBERS, ALICE | {"issuer": "iam", "subject": given})
    assert PrincipalRecords(database).by_arn(session) is not None


def test_plans_are_made_replaced_and_deleted(desk: Administration) -> None:
    path = "/v1/admin/plans/small"
    made = desk.ask("PUT", path, PLAN).json
    assert {name: made[name] for name in PLAN} == PLAN
    assert desk.ask("PUT", path, PLAN | {"concurrent": None}).json["concurrent"] is None
    assert [plan["plan"] for plan in desk.ask("GET", "/v1/admin/plans").json["plans"]] == ["small", "standard"]
    desk.ask("PATCH", f"{CLIENTS}/client-b", {"plan": "small"})
    assert desk.ask("DELETE", path).status == 409
    desk.ask("PATCH", f"{CLIENTS}/client-b", {"plan": "standard"})
    assert desk.ask("DELETE", path).status == 204
    assert desk.ask("GET", path).status == 404
    assert desk.ask("DELETE", path).status == 404


def test_usage_of_some_days(desk: Administration) -> None:
    for day, accepted in (("2026-01-01", 3), ("2026-01-02", 5), ("2026-02-01", 7)):
        desk.database.execute(
            "INSERT INTO client_usage_days (client_id, day, task, accepted, refunded)"
            f" VALUES ('client-b', '{day}', 'inspect', {accepted}, 1)"
        )
    path = f"{CLIENTS}/client-b/usage"
    days = desk.ask("GET", path, query={"from": "2026-01-02", "to": "2026-01-31"}).json["days"]
    assert days == [{"day": "2026-01-02", "task": "inspect", "accepted": 5, "refunded": 1}]
    for query in ({"from": "2026-01-02", "to": "2026-01-01"}, {"from": "2024-01-01", "to": "2026-01-01"}):
        answer = desk.ask("GET", path, query=query)
        assert (answer.status, answer.json["field"]) == (400, "from")


def test_me_says_what_is_left(desk: Administration) -> None:
    desk.database.execute(
        "INSERT INTO client_usage (client_id, day, day_count, month, month_count, running) VALUES ('client-a',"
        " UTC_DATE(), 4, UTC_DATE() - INTERVAL (DAYOFMONTH(UTC_DATE()) - 1) DAY, 40, 2)"
    )
    answer = desk.ask("GET", "/v1/me", role=Role.VIEWER)
    me = answer.json
    assert (me["client_id"], me["actor"], me["role"], me["plan"]) == ("client-a", "key_me", "viewer", "standard")
    assert me["scopes"] == ["inspections:read", "service:read", "usage:read", "webhooks:read"]
    left = {limit["name"]: (limit["used"], limit["left"]) for limit in me["limits"]}
    assert left == {"month": (40, 99_960), "running": (2, 198)}
    assert "RateLimit" in answer.headers


def test_the_role_table_is_the_one_that_is_checked(desk: Administration) -> None:
    roles = {each["role"]: each for each in desk.ask("GET", "/v1/admin/roles").json["roles"]}
    assert set(roles) == set(Role)
    assert roles["viewer"]["actions"] == ["inspections:read", "service:read", "usage:read", "webhooks:read"]
    assert roles["client-admin"]["may_grant"] == ["client-admin", "operator", "reviewer", "viewer"]
    assert [role for role, each in roles.items() if each["across_clients"]] == ["admin", "auditor"]


# Every change there is: what it takes, and what the log then says of it.
CHANGES: dict[str, tuple[str, str, Any, str, str | None]] = {
    "make a client": ("POST", CLIENTS, {"name": "x", "plan": "standard"}, "clients:create", None),
    "change a client": ("PATCH", f"{CLIENTS}/client-b", {"name": "x"}, "clients:update", "client-b"),
    "erase photos": ("DELETE", f"{CLIENTS}/client-b/photos", None, "clients:erase", "client-b"),
    "make a key": ("POST", KEYS, {"name": "x", "role": "viewer"}, "keys:create", None),
    "change a key": ("PATCH", f"{KEYS}/key_x", {"name": "x"}, "keys:update", "key_x"),
    "rotate a key": ("POST", f"{KEYS}/key_x/rotate", {}, "keys:rotate", "key_x"),
    "revoke a key": ("DELETE", f"{KEYS}/key_x", None, "keys:revoke", "key_x"),
    "add a member": ("POST", MEMBERS, ALICE, "members:create", None),
    "change a member": ("PATCH", f"{MEMBERS}/member_x", {"role": "operator"}, "members:update", "member_x"),
    "remove a member": ("DELETE", f"{MEMBERS}/member_x", None, "members:delete", "member_x"),
    "make a plan": ("PUT", "/v1/admin/plans/new", PLAN, "plans:create", "new"),
    "replace a plan": ("PUT", "/v1/admin/plans/standard", PLAN, "plans:replace", "standard"),
    "delete a plan": ("DELETE", "/v1/admin/plans/unused", None, "plans:delete", "unused"),
}
STORED = ("clients", "client_usage", "api_keys", "members", "plans")


@pytest.fixture
def furnished(desk: Administration) -> Administration:
    desk.key("key_x", Role.OPERATOR)
    desk.member("member_x", Role.VIEWER)
    desk.database.execute(
        "INSERT INTO plans (plan, rate_per_s, burst, tasks, max_photos, default_wait_s, max_wait_s, created_at,"
        " updated_at) VALUES ('unused', 1, 1, '[\"inspect\"]', 1, 1, 1, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))"
    )
    return desk


@pytest.fixture(autouse=True)
def standard_plan_as_it_was(database: Database) -> Any:
    before = database.one("SELECT * FROM plans WHERE plan = 'standard'")
    assert before is not None
    yield
    database.execute(
        f"UPDATE plans SET {', '.join(f'{name} = %({name})s' for name in before)} WHERE plan = 'standard'", before
    )


@pytest.mark.parametrize(("method", "path", "body", "deed", "target"), CHANGES.values(), ids=CHANGES.keys())
def test_a_change_writes_one_line(
    furnished: Administration, method: str, path: str, body: Any, deed: str, target: str | None
) -> None:
    assert furnished.ask(method, path, body).status in (200, 201, 202, 204)
    (line,) = furnished.audit()
    assert (line["actor"], line["actor_role"], line["action"]) == ("key_me", "admin", deed)
    assert (line["source_ip"], line["request_id"]) == ("127.0.0.1", "11111111-1111-1111-1111-111111111111")
    assert target is None or line["target"] == target
    assert (line["client_id"] is None) == deed.startswith("plans:")
    assert line["before_it"] != line["after_it"]
    assert (line["before_it"] is None) == deed.endswith(":create")
    assert (line["after_it"] is None) == deed.endswith(":delete")


@pytest.mark.parametrize(("method", "path", "body", "deed", "target"), CHANGES.values(), ids=CHANGES.keys())
def test_a_dry_run_tells_and_changes_nothing(
    furnished: Administration, method: str, path: str, body: Any, deed: str, target: str | None
) -> None:
    before = {table: furnished.rows(f"SELECT * FROM {table}") for table in STORED}
    answer = furnished.ask(method, path, body, query={"dry_run": "true"})
    assert answer.status == 200
    assert set(answer.json) == {"dry_run", "before", "after"}
    assert answer.json["dry_run"] is True
    assert "scr_" not in answer.text.replace('"hint":"scr_', "")
    assert {table: furnished.rows(f"SELECT * FROM {table}") for table in STORED} == before
    assert furnished.audit() == []

    furnished.ask(method, path, body)
    (line,) = furnished.audit()
    for told, done in ((answer.json["before"], line["before_it"]), (answer.json["after"], line["after_it"])):
        assert (told is None) == (done is None)
        assert told is None or set(told) == set(done)


def test_a_dry_run_is_refused_like_the_change(desk: Administration) -> None:
    for role, status in ((Role.VIEWER, 403), (Role.ADMIN, 409)):
        assert desk.ask("DELETE", f"{KEYS}/key_me", role=role, query={"dry_run": "true"}).status == status


REFUSALS: dict[str, tuple[str, str, Any, int]] = {
    "not for the role": ("POST", CLIENTS, {"name": "x", "plan": "standard"}, 403),
    "another client": ("POST", f"{CLIENTS}/client-b/keys", {"name": "x", "role": "viewer"}, 404),
    "unknown key": ("DELETE", f"{KEYS}/key_nobody", None, 404),
    "more than one's own": ("POST", KEYS, {"name": "x", "role": "admin"}, 403),
    "not valid": ("POST", KEYS, {"name": "", "role": "viewer"}, 400),
}


@pytest.mark.parametrize(("method", "path", "body", "status"), REFUSALS.values(), ids=REFUSALS.keys())
def test_a_refusal_writes_no_line(desk: Administration, method: str, path: str, body: Any, status: int) -> None:
    assert desk.ask(method, path, body, role=Role.CLIENT_ADMIN).status == status
    assert desk.audit() == []


def test_a_line_that_can_not_be_written_undoes_the_change(desk: Administration, tamper: Callable[..., None]) -> None:
    """Both or neither: the line is in the same transaction."""
    tamper("ALTER TABLE audit_log RENAME COLUMN target TO aim")
    try:
        assert desk.ask("PATCH", f"{CLIENTS}/client-b", {"name": "changed"}).status in (500, 503)
    finally:
        tamper("ALTER TABLE audit_log RENAME COLUMN aim TO target")
    assert desk.ask("GET", f"{CLIENTS}/client-b").json["name"] == "client-b"


@pytest.mark.parametrize("statement", ["UPDATE audit_log SET actor = 'nobody'", "DELETE FROM audit_log"])
def test_nobody_changes_the_log(desk: Administration, tamper: Callable[..., None], statement: str) -> None:
    """The functions have no right to, and a trigger stops whoever has."""
    desk.ask("PATCH", f"{CLIENTS}/client-b", {"name": "changed"})
    before = desk.audit()
    with pytest.raises(pymysql.err.OperationalError, match="command denied"):
        desk.database.execute(statement)
    with pytest.raises(pymysql.err.OperationalError, match="append-only"):
        tamper(statement)
    assert desk.audit() == before


def test_the_log_is_read_by_page_and_filter(desk: Administration) -> None:
    for client_id in ("client-a", "client-b", "client-b"):
        desk.ask("PATCH", f"{CLIENTS}/{client_id}", {"name": "x"})
    desk.ask("POST", KEYS, {"name": "x", "role": "viewer"}, actor="key_other")

    def lines(**query: str) -> list[tuple[str, str]]:
        page = desk.ask("GET", "/v1/admin/audit", query=query or None).json
        return [(line["action"], line["client_id"]) for line in page["lines"]]

    update = "clients:update"
    assert lines() == [("keys:create", "client-a"), (update, "client-b"), (update, "client-b"), (update, "client-a")]
    assert lines(client="client-b") == [(update, "client-b")] * 2
    assert lines(action="keys:create") == [("keys:create", "client-a")]
    assert lines(actor="key_other") == [("keys:create", "client-a")]

    seen: list[str] = []
    query = {"limit": "3"}
    while query:
        page = desk.ask("GET", "/v1/admin/audit", query=query).json
        seen += [line["at"] for line in page["lines"]]
        query = {"limit": "3", "cursor": page["next_cursor"]} if page["next_cursor"] else {}
    assert len(seen) == 4
    assert seen == sorted(seen, reverse=True)


def works(database: Database, key: str) -> bool:
    return PrincipalRecords(database).by_key_hash(hashlib.sha256(key.encode()).digest()) is not None


def test_no_secret_is_logged(desk: Administration, capfd: pytest.CaptureFixture[str]) -> None:
    secret = desk.ask("POST", KEYS, {"name": "x", "role": "viewer"}).json["key"]
    logged = capfd.readouterr()
    assert secret not in logged.out + logged.err
    assert secret not in json.dumps(desk.audit(), default=str)
