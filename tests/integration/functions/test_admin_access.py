"""Who may administer what: the whole matrix, other clients, more than one's own, and the last admin."""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from admin.changes import Caller, Changes
from admin.dead_letter_contract import StageName
from admin.dead_letters import StageQueues
from admin.keys import Keys
from core.database import Database
from core.errors import Conflict, ScrutineerError
from core.lanes import Lane
from core.roles import GRANTS, MAY, ROUTES, Action, Role, Route
from tests.fakes.administration import PLAN, Administration
from tests.fakes.api_gateway import Answer, someone
from tests.fakes.dead_letters import InMemoryDeadLetters
from tests.fakes.queues import InMemoryQueue

CLIENTS = "/v1/admin/clients"
KEYS = f"{CLIENTS}/client-a/keys"
MEMBERS = f"{CLIENTS}/client-a/members"
MINE = [route for route in ROUTES if route.path.startswith("/v1/admin") or route.path == "/v1/me"]
WITHIN_A_CLIENT = [role for role in Role if role not in (Role.ADMIN, Role.AUDITOR)]
OF_A_CLIENT = [route for route in MINE if "{client_id}" in route.path]
# A body that is right for the route, and asks for nothing that any administrator could not give.
BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/v1/admin/clients"): {"name": "x", "plan": "standard"},
    ("POST", "/v1/admin/dead-letters/redrive"): {"stage": "invoke"},
    ("PATCH", "/v1/admin/clients/{client_id}"): {"name": "x"},
    ("POST", "/v1/admin/clients/{client_id}/keys"): {"name": "x", "role": "viewer"},
    ("PATCH", "/v1/admin/clients/{client_id}/keys/{key_id}"): {"name": "x"},
    ("POST", "/v1/admin/clients/{client_id}/members"): {
        "name": "x",
        "issuer": "https://id.example/",
        "subject": "x",
        "role": "viewer",
    },
    ("PATCH", "/v1/admin/clients/{client_id}/members/{member_id}"): {"role": "operator"},
    ("PUT", "/v1/admin/plans/{plan}"): PLAN,
}


@pytest.fixture
def desk(database: Database) -> Administration:
    """client-a has a key, an unused one and a member of low rank; the installation's admin is of client-c."""
    stages = {stage: StageQueues(dict.fromkeys(Lane, InMemoryQueue()), InMemoryDeadLetters()) for stage in StageName}
    desk = Administration(database, stages=stages)
    desk.key("key_root", Role.ADMIN, "client-c")
    for letter in "ab":
        desk.key(f"key_{letter}", Role.OPERATOR, f"client-{letter}")
        desk.member(f"member_{letter}", Role.VIEWER, f"client-{letter}")
    return desk


def ask(desk: Administration, route: Route, *, of: str = "a", **who: Any) -> Answer:
    """A dry run of the route about client-a (or -b) and what it has."""
    names = {"client_id": f"client-{of}", "key_id": f"key_{of}", "member_id": f"member_{of}", "plan": "other"}
    query = {"dry_run": "true"} if route.method != "GET" else None
    return desk.ask(
        route.method, route.path.format(**names), BODIES.get((route.method, route.path)), query=query, **who
    )


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("route", MINE, ids=lambda route: f"{route.method} {route.path}")
def test_each_role_is_let_in_where_the_table_says(desk: Administration, route: Route, role: Role) -> None:
    answer = ask(desk, route, role=role)
    if route.action in MAY[role]:
        # API Gateway is away here, and the plan `other` is not there: both are beyond the door.
        assert answer.status in (200, 404, 503), answer.text
        assert answer.status == 200 or "plan" in route.path or "gateway" in route.path
    else:
        assert (answer.status, answer.json["code"]) == (403, "forbidden")


@pytest.mark.parametrize("route", MINE, ids=lambda route: f"{route.method} {route.path}")
def test_a_narrowed_key_is_let_in_where_its_scopes_say(desk: Administration, route: Route) -> None:
    assert ask(desk, route, role=Role.ADMIN, scopes=[Action.READ_PLANS]).status == (
        403 if route.action is not Action.READ_PLANS else 200 if route.path.endswith("plans") else 404
    )


@pytest.mark.parametrize(
    ("role", "route"),
    [(role, route) for role in WITHIN_A_CLIENT for route in OF_A_CLIENT if route.action in MAY[role]],
    ids=lambda each: each.value if isinstance(each, Role) else f"{each.method} {each.path}",
)
def test_another_client_is_as_unknown_as_any(desk: Administration, route: Route, role: Role) -> None:
    """The same answer to the byte, whether it exists or not; what a role may not do at all ends at the door."""
    theirs, nobodys = ask(desk, route, of="b", role=role), ask(desk, route, of="z", role=role)
    assert (theirs.status, theirs.text) == (nobodys.status, nobodys.text)
    assert theirs.status == 404
    assert ask(desk, route, of="a", role=role).status == 200


@pytest.mark.parametrize("kind", ["key", "member"])
@pytest.mark.parametrize("role", [Role.ADMIN, Role.CLIENT_ADMIN])
def test_what_belongs_to_another_client_is_not_below_ones_own(desk: Administration, kind: str, role: Role) -> None:
    """Neither for an admin, who reaches both: the address names the client."""
    for method, body in (("PATCH", {"name": "x"}), ("DELETE", None)):
        theirs = desk.ask(method, f"{CLIENTS}/client-a/{kind}s/{kind}_b", body, role=role)
        nobodys = desk.ask(method, f"{CLIENTS}/client-a/{kind}s/{kind}_z", body, role=role)
        assert (theirs.status, theirs.text) == (nobodys.status, nobodys.text)
        assert theirs.status == 404


@pytest.mark.parametrize("client_id", ["CLIENT-A", "client-a%20", "client-a "])
def test_an_identifier_has_its_case(desk: Administration, client_id: str) -> None:
    assert desk.ask("GET", f"{CLIENTS}/{client_id}").status == 404
    assert desk.ask("GET", f"{CLIENTS}/client-a").status == 200


def test_lists_end_with_ones_own_client(desk: Administration) -> None:
    for client_id in ("client-a", "client-b"):
        desk.ask("PATCH", f"{CLIENTS}/{client_id}", {"name": "x"}, actor="key_root")
    own = desk.ask("GET", CLIENTS, role=Role.CLIENT_ADMIN).json
    assert [client["client_id"] for client in own["clients"]] == ["client-a"]
    lines = desk.ask("GET", "/v1/admin/audit", role=Role.CLIENT_ADMIN).json["lines"]
    assert [(line["client_id"], line["source_ip"]) for line in lines] == [("client-a", None)]
    assert (
        desk.ask("GET", "/v1/admin/audit", role=Role.CLIENT_ADMIN, query={"client": "client-b"}).json
        == desk.ask("GET", "/v1/admin/audit", role=Role.CLIENT_ADMIN, query={"client": "client-z"}).json
    )
    everything = desk.ask("GET", "/v1/admin/audit", role=Role.AUDITOR, client_id="client-c").json["lines"]
    assert {(line["client_id"], line["source_ip"]) for line in everything} == {
        ("client-a", "127.0.0.1"),
        ("client-b", "127.0.0.1"),
    }


@pytest.mark.parametrize("given", Role)
@pytest.mark.parametrize("giver", [Role.ADMIN, Role.CLIENT_ADMIN])
def test_nobody_gives_what_is_not_theirs_to_give(desk: Administration, giver: Role, given: Role) -> None:
    """Nor takes it: a key or member of a role that one may not give is out of reach."""
    may = given in GRANTS[giver]
    desk.key("key_x", given)
    desk.member("member_x", given)
    who: dict[str, Any] = {"role": giver, "query": {"dry_run": "true"}}
    member = BODIES["POST", f"{CLIENTS}/{{client_id}}/members"]
    answers = [
        desk.ask("POST", KEYS, {"name": "x", "role": given}, **who),
        desk.ask("POST", MEMBERS, member | {"role": given}, **who),
        desk.ask("PATCH", f"{MEMBERS}/member_a", {"role": given}, **who),
        desk.ask("PATCH", f"{MEMBERS}/member_x", {"name": "x"}, **who),
        desk.ask("PATCH", f"{KEYS}/key_x", {"name": "x"}, **who),
        desk.ask("POST", f"{KEYS}/key_x/rotate", {}, **who),
        desk.ask("DELETE", f"{KEYS}/key_x", **who),
        desk.ask("DELETE", f"{MEMBERS}/member_x", **who),
    ]
    assert [answer.status for answer in answers] == [200 if may else 403] * len(answers)


def test_a_narrowed_key_gives_no_more_than_it_has(desk: Administration) -> None:
    """Else an admin's key for nothing but keys would make, or take over, an admin's key for everything."""
    narrow: dict[str, Any] = {"role": Role.ADMIN, "scopes": [Action.MANAGE_KEYS, Action.READ_KEYS]}
    refused = [
        desk.ask("POST", KEYS, {"name": "x", "role": "admin"}, **narrow),
        desk.ask("POST", KEYS, {"name": "x", "role": "viewer"}, **narrow),
        desk.ask("POST", KEYS, {"name": "x", "role": "admin", "scopes": ["keys:read", "plans:read"]}, **narrow),
        desk.ask("POST", f"{CLIENTS}/client-c/keys/key_root/rotate", {}, **narrow),
        desk.ask("PATCH", f"{CLIENTS}/client-c/keys/key_root", {"expires_at": None}, **narrow),
    ]
    assert [(answer.status, answer.json["field"]) for answer in refused] == [(403, "scopes")] * 5
    assert desk.ask("POST", KEYS, {"name": "x", "role": "admin", "scopes": ["keys:read"]}, **narrow).status == 201


def test_only_an_admin_vouches_for_a_machine(desk: Administration) -> None:
    """Anybody can guess an ARN, and whoever puts it down first would have its photos come to their client."""
    machine = {"name": "hub", "issuer": "iam", "subject": "arn:aws:iam::123456789012:role/hub", "role": "operator"}
    refused = desk.ask("POST", MEMBERS, machine, role=Role.CLIENT_ADMIN)
    assert (refused.status, refused.json["field"]) == (403, "issuer")
    assert desk.ask("POST", MEMBERS, machine).status == 201


def test_scopes_are_of_the_role(desk: Administration) -> None:
    answer = desk.ask("POST", KEYS, {"name": "x", "role": "viewer", "scopes": ["inspections:create"]})
    assert (answer.status, answer.json["field"]) == (400, "scopes")


@pytest.mark.parametrize("role", [Role.ADMIN, Role.CLIENT_ADMIN])
def test_nobody_changes_or_removes_their_own_role(desk: Administration, role: Role) -> None:
    desk.member("member_me", role)
    me: dict[str, Any] = {"role": role, "actor": "member_me"}
    path = f"{MEMBERS}/member_me"
    for answer in (desk.ask("PATCH", path, {"role": "viewer"}, **me), desk.ask("DELETE", path, **me)):
        assert (answer.status, answer.json["field"]) == (403, "role")
    assert desk.ask("PATCH", path, {"name": "new"}, **me).status == 200


def test_a_keys_role_is_nobodys_to_change(desk: Administration) -> None:
    answer = desk.ask("PATCH", f"{KEYS}/key_a", {"role": "admin"})
    assert (answer.status, answer.json["field"]) == (400, "role")


def test_a_rotated_key_is_no_more_than_it_was(desk: Administration) -> None:
    desk.key("key_me", Role.CLIENT_ADMIN, scopes='["keys:manage", "keys:read"]')
    me: dict[str, Any] = {"role": Role.CLIENT_ADMIN, "actor": "key_me", "scopes": ["keys:manage", "keys:read"]}
    for body in ({"role": "admin"}, {"scopes": None}, {"expires_at": None}):
        assert desk.ask("POST", f"{KEYS}/key_me/rotate", body, **me).status == 400
    new = desk.ask("POST", f"{KEYS}/key_me/rotate", {"overlap_s": 0}, **me).json["new"]
    assert (new["role"], new["scopes"]) == ("client-admin", ["keys:manage", "keys:read"])


# How an admin could go; each must be refused while they are the last, and pass while there is another.
GOING: dict[str, Callable[[Administration, str], Answer]] = {
    "revoked": lambda desk, name: desk.ask("DELETE", f"{KEYS}/key_{name}"),
    "revoked by themself": lambda desk, name: desk.ask("DELETE", f"{KEYS}/key_{name}", actor=f"key_{name}"),
    "given an end": lambda desk, name: desk.ask(
        "PATCH", f"{KEYS}/key_{name}", {"expires_at": f"{datetime.now().year + 1}-01-01T00:00:00Z"}
    ),
    "demoted": lambda desk, name: desk.ask("PATCH", f"{MEMBERS}/member_{name}", {"role": "viewer"}),
    "removed": lambda desk, name: desk.ask("DELETE", f"{MEMBERS}/member_{name}"),
    "disabled": lambda desk, name: desk.ask("PATCH", f"{CLIENTS}/client-a", {"disabled": True}),
}


@pytest.fixture
def alone(database: Database) -> Administration:
    return Administration(database)


def make_admin(desk: Administration, name: str, how: str, client_id: str = "client-a") -> None:
    if how in ("demoted", "removed"):
        desk.member(f"member_{name}", Role.ADMIN, client_id)
    else:
        desk.key(f"key_{name}", Role.ADMIN, client_id)


@pytest.mark.parametrize("how", GOING)
def test_the_last_admin_stays(alone: Administration, how: str) -> None:
    make_admin(alone, "one", how)
    answer = GOING[how](alone, "one")
    assert (answer.status, answer.json["code"]) == (409, "conflict")
    assert alone.audit() == []


@pytest.mark.parametrize("how", GOING)
def test_an_admin_goes_while_there_is_another(alone: Administration, how: str) -> None:
    make_admin(alone, "one", how)
    make_admin(alone, "two", "removed", "client-b")
    assert GOING[how](alone, "one").status in (200, 204)


OTHERS_THAT_DO_NOT_COUNT: dict[str, dict[str, Any]] = {
    "revoked": {"revoked_at": datetime(2020, 1, 1)},
    "about to be replaced": {"revoked_at": datetime(2100, 1, 1)},
    "expired": {"expires_at": datetime(2020, 1, 1)},
    "narrowed": {"scopes": '["keys:read"]'},
    "of a disabled client": {"client_id": "client-b"},
}


@pytest.mark.parametrize("columns", OTHERS_THAT_DO_NOT_COUNT.values(), ids=OTHERS_THAT_DO_NOT_COUNT.keys())
def test_an_admin_who_can_do_nothing_is_none(alone: Administration, columns: dict[str, Any]) -> None:
    alone.database.execute("UPDATE clients SET disabled_at = UTC_TIMESTAMP(6) WHERE client_id = 'client-b'")
    alone.key("key_one", Role.ADMIN)
    alone.key("key_two", Role.ADMIN, **columns)
    assert alone.ask("DELETE", f"{KEYS}/key_one").status == 409


def test_a_client_keeps_somebody_who_can_make_keys(desk: Administration) -> None:
    desk.key("key_me", Role.CLIENT_ADMIN)
    me: dict[str, Any] = {"role": Role.CLIENT_ADMIN, "actor": "key_me"}
    assert desk.ask("DELETE", f"{KEYS}/key_me", **me).status == 409
    desk.member("member_other", Role.CLIENT_ADMIN)
    assert desk.ask("DELETE", f"{KEYS}/key_me", **me).status == 200


@pytest.mark.parametrize("round_", range(5))
def test_two_admins_who_remove_each_other_at_once_leave_one(
    alone: Administration, connect: Callable[[], Database], round_: int
) -> None:
    alone.key("key_one", Role.ADMIN)
    alone.key("key_two", Role.ADMIN)
    barrier, statuses = threading.Barrier(2), []

    def revoke(database: Database, actor: str, victim: str) -> None:
        caller = Caller(someone("client-a", Role.ADMIN, actor), "127.0.0.1", "r", dry_run=False)
        database.one("SELECT 1")
        barrier.wait(10)
        try:
            Keys(database, Changes(database)).revoke(caller, "client-a", victim)
            statuses.append(200)
        except ScrutineerError as error:
            statuses.append(error.status)

    threads = [
        threading.Thread(target=revoke, args=(connect(), *pair))
        for pair in (("key_one", "key_two"), ("key_two", "key_one"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(statuses) == [200, 409]
    assert len(alone.rows("SELECT key_id FROM api_keys WHERE revoked_at IS NULL")) == 1
    assert len(alone.audit()) == 1


def test_changes_wait_for_each_other(alone: Administration, connect: Callable[[], Database]) -> None:
    """The second transaction begins with what the first one left, though it was asked for before that committed."""
    alone.key("key_one", Role.ADMIN)
    alone.key("key_two", Role.ADMIN)
    holder, inside, go_on = connect(), threading.Event(), threading.Event()

    def hold(transaction: Any) -> None:
        transaction.one("SELECT only_row FROM admin_lock FOR UPDATE")
        transaction.execute("UPDATE api_keys SET revoked_at = UTC_TIMESTAMP(6) WHERE key_id = 'key_two'")
        inside.set()
        assert go_on.wait(10)

    first = threading.Thread(target=holder.transaction, args=(hold,))
    first.start()
    assert inside.wait(10)
    answers: list[Answer] = []
    second = threading.Thread(target=lambda: answers.append(alone.ask("DELETE", f"{KEYS}/key_one")))
    second.start()
    second.join(0.3)
    assert answers == []
    go_on.set()
    first.join(10)
    second.join(10)
    assert [answer.status for answer in answers] == [Conflict.status]
