"""API Gateway's records against an emulated control plane: every drift is mended, whatever a crash has left."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from core.database import Database
from core.errors import Unavailable
from core.gateway_drift import Place
from core.gateway_records import PLANS, GatewayRecords, Scope
from core.roles import Role
from reconcile import app
from scrutineer.local.moto_usage_plans import correct_usage_plans
from tests.fakes.administration import PLAN, Administration, Away
from tests.fakes.api_gateway import FakeContext
from tests.fakes.crashing import Crash, Gate

PLACE = Place("stack", "api", "dev")
LONG = "client_aaaaaaaaaaaaaaaaaaaaaaaaa"  # API Gateway takes no value of less than 20 characters
IDS = [f"{LONG}{letter}" for letter in "abc"]


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    with mock_aws():
        correct_usage_plans()
        client = boto3.client("apigateway", region_name="eu-west-1")
        yield client
        client.close()


@pytest.fixture
def database(database: Database, tamper: Callable[..., None]) -> Database:
    """Clients whose ids have their real length."""
    tamper("DELETE FROM clients")
    for client_id in IDS:
        database.execute(
            "INSERT INTO clients (client_id, name, plan, created_at) VALUES (%s, 'x', 'standard', UTC_TIMESTAMP(6))",
            (client_id,),
        )
    return database


@pytest.fixture
def records(gateway: Any, database: Database) -> GatewayRecords:
    return GatewayRecords(gateway, database, PLACE)


class GatedClient:
    """A boto3 client whose every change is a side effect at which the process may end."""

    def __init__(self, client: Any, gate: Gate) -> None:
        self._client, self._gate = client, gate

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._client, name)
        if name.startswith("get_"):
            return operation
        return lambda **arguments: self._gate.step(name, lambda: operation(**arguments))


def state(gateway: Any) -> dict[str, Any]:
    """Keys and plans without the ids that API Gateway makes up."""
    keys = {key["id"]: key for key in gateway.get_api_keys(includeValues=True)["items"]}
    plans = []
    for plan in gateway.get_usage_plans()["items"]:
        throttle = plan.get("throttle", {})
        stages = [f"{stage['apiId']}:{stage['stage']}" for stage in plan["apiStages"]]
        members = gateway.get_usage_plan_keys(usagePlanId=plan["id"])["items"]
        values = sorted(keys[item["id"]]["value"] for item in members)
        rate, burst = float(throttle.get("rateLimit", 0)), throttle.get("burstLimit", 0)
        plans.append((plan["name"], rate, burst, "quota" in plan, stages, values))
    return {
        "keys": sorted((key["name"], key["value"], key["enabled"]) for key in keys.values()),
        "plans": sorted(plans),
    }


IN_STEP: dict[str, Any] = {
    "keys": [(f"stack/{client_id}", client_id, True) for client_id in IDS],
    "plans": [("stack/standard", 10.0, 20, False, ["api:dev"], IDS)],
}


def test_from_nothing_to_all(records: GatewayRecords, gateway: Any) -> None:
    mended = records.mend()
    assert mended.left == ()
    assert len(mended.done) == 1 + 3 + 3
    assert state(gateway) == IN_STEP
    assert records.differences() == []
    assert records.mend().done == ()


def key_of(gateway: Any, client_id: str) -> str:
    found: str = gateway.get_api_keys(nameQuery=f"stack/{client_id}")["items"][0]["id"]
    return found


def plan_of(gateway: Any, name: str = "stack/standard") -> str:
    return str(next(plan["id"] for plan in gateway.get_usage_plans()["items"] if plan["name"] == name))


def patch_key(gateway: Any, path: str, value: str) -> None:
    operation = {"op": "replace", "path": path, "value": value}
    gateway.update_api_key(apiKey=key_of(gateway, IDS[0]), patchOperations=[operation])


def patch_plan(gateway: Any, op: str, path: str, value: str = "") -> None:
    gateway.update_usage_plan(usagePlanId=plan_of(gateway), patchOperations=[{"op": op, "path": path, "value": value}])


def move_key(gateway: Any, name: str) -> None:
    key_id = key_of(gateway, IDS[0])
    gateway.delete_usage_plan_key(usagePlanId=plan_of(gateway), keyId=key_id)
    other = gateway.create_usage_plan(name=name, apiStages=[{"apiId": "api", "stage": "dev"}])
    gateway.create_usage_plan_key(usagePlanId=other["id"], keyId=key_id, keyType="API_KEY")


def delete_plan(gateway: Any) -> None:
    patch_plan(gateway, "remove", "/apiStages", "api:dev")
    gateway.delete_usage_plan(usagePlanId=plan_of(gateway))


def double_plan(gateway: Any) -> None:
    gateway.create_usage_plan(name="stack/standard", apiStages=[{"apiId": "api", "stage": "dev"}])


# What somebody may do in the console, or a process that died half-way may leave.
DRIFT: dict[str, Callable[[Any], Any]] = {
    "a key deleted": lambda gateway: gateway.delete_api_key(apiKey=key_of(gateway, IDS[0])),
    "a key disabled": lambda gateway: patch_key(gateway, "/enabled", "false"),
    "a key renamed": lambda gateway: patch_key(gateway, "/name", "somebody's"),
    "a key of nobody": lambda gateway: gateway.create_api_key(name="stack/x", value=f"{LONG}x", enabled=True),
    "a key out of its plan": lambda gateway: gateway.delete_usage_plan_key(
        usagePlanId=plan_of(gateway), keyId=key_of(gateway, IDS[0])
    ),
    "a key in a plan of ours that is none": lambda gateway: move_key(gateway, "stack/golden"),
    "a rate": lambda gateway: patch_plan(gateway, "replace", "/throttle/rateLimit", "5000"),
    "a burst": lambda gateway: patch_plan(gateway, "replace", "/throttle/burstLimit", "1"),
    "no throttle": lambda gateway: patch_plan(gateway, "remove", "/throttle"),
    "a quota": lambda gateway: patch_plan(gateway, "add", "/quota/limit", "1"),
    "no stage": lambda gateway: patch_plan(gateway, "remove", "/apiStages", "api:dev"),
    "another stage": lambda gateway: patch_plan(gateway, "add", "/apiStages", "other:dev"),
    "a plan deleted": delete_plan,
    "a plan twice": double_plan,
    "a plan of ours too many": lambda gateway: gateway.create_usage_plan(
        name="stack/golden", apiStages=[{"apiId": "api", "stage": "dev"}]
    ),
}


@pytest.mark.parametrize("drift", DRIFT.values(), ids=DRIFT.keys())
def test_drift_is_seen_and_mended(records: GatewayRecords, gateway: Any, drift: Callable[[Any], Any]) -> None:
    records.mend()
    drift(gateway)
    assert state(gateway) != IN_STEP
    assert records.differences() != []
    mended = records.mend()
    assert mended.left == ()
    assert mended.done
    assert state(gateway) == IN_STEP


def test_what_is_not_ours_stays(records: GatewayRecords, gateway: Any) -> None:
    gateway.create_api_key(name="theirs", value="x" * 30, enabled=False)
    gateway.create_usage_plan(name="theirs", apiStages=[{"apiId": "theirs", "stage": "dev"}])
    gateway.create_api_key(name="stack2/x", value="y" * 30, enabled=False)
    records.mend()
    assert state(gateway) == {
        "keys": sorted([*IN_STEP["keys"], ("stack2/x", "y" * 30, False), ("theirs", "x" * 30, False)]),
        "plans": sorted([*IN_STEP["plans"], ("theirs", 0.0, 0, False, ["theirs:dev"], [])]),
    }


def test_a_key_leaves_a_plan_that_others_made_and_the_plan_stays(records: GatewayRecords, gateway: Any) -> None:
    records.mend()
    move_key(gateway, "made by hand")
    assert records.mend().left == ()
    assert state(gateway)["plans"] == [("made by hand", 0.0, 0, False, ["api:dev"], []), *IN_STEP["plans"]]


@pytest.mark.parametrize("mode", ["before", "after"])
def test_killed_anywhere_the_next_look_ends_it(gateway: Any, database: Database, mode: Any) -> None:
    """At every change in turn, of a run that has most kinds of them to make."""
    at = 0
    while True:
        at += 1
        clear(gateway)
        GatewayRecords(gateway, database, PLACE).mend()
        for drift in ("a key deleted", "a plan twice", "a key of nobody", "a rate"):
            DRIFT[drift](gateway)
        gate = Gate(at=at, mode=mode)
        try:
            GatewayRecords(GatedClient(gateway, gate), database, PLACE).mend()
        except Crash:
            pass
        else:
            break
        assert GatewayRecords(gateway, database, PLACE).mend().left == ()
        assert state(gateway) == IN_STEP
    assert at > 5


def test_a_move_that_is_cut_in_two_is_ended(gateway: Any, database: Database) -> None:
    """Out of the one plan, not yet in the other: the moment in which a key has none."""
    GatewayRecords(gateway, database, PLACE).mend()
    database.execute("UPDATE clients SET plan = 'other' WHERE client_id = %s", (IDS[0],))
    add_plan(database, "other")
    gate = Gate(at=3, mode="before")  # the plan is made, the key is out
    with pytest.raises(Crash):
        GatewayRecords(GatedClient(gateway, gate), database, PLACE).mend()
    assert gate.passed == ["create_usage_plan", "delete_usage_plan_key", "create_usage_plan_key"]
    assert GatewayRecords(gateway, database, PLACE).mend().left == ()
    plans = {plan[0]: plan[-1] for plan in state(gateway)["plans"]}
    assert plans == {"stack/other": [IDS[0]], "stack/standard": IDS[1:]}


@pytest.mark.parametrize("at", range(1, 9))
def test_two_at_once(gateway: Any, connect: Callable[[], Database], database: Database, at: int) -> None:
    """While one stands still before its n-th change, another one mends everything."""

    def meanwhile() -> None:
        GatewayRecords(gateway, connect(), PLACE).mend()

    slow = GatewayRecords(GatedClient(gateway, Gate(at=at, mode="stall", meanwhile=meanwhile)), database, PLACE)
    slow.mend()
    assert GatewayRecords(gateway, database, PLACE).mend().left == ()
    assert state(gateway) == IN_STEP


def test_a_client_that_is_made_meanwhile_keeps_its_key(gateway: Any, database: Database) -> None:
    """Its key comes after its row, so what API Gateway has must be read before the rows."""
    records = GatewayRecords(gateway, database, PLACE)
    records.mend()
    new = f"{LONG}n"

    class ClientMadeAfterKeysAreRead:
        def __getattr__(self, name: str) -> Any:
            return getattr(gateway, name)

        def get_paginator(self, operation: str) -> Any:
            pages = gateway.get_paginator(operation)

            class Pages:
                def paginate(self, **arguments: Any) -> Iterator[Any]:
                    if operation == "get_api_keys":
                        make()
                    return iter(pages.paginate(**arguments))

            return Pages()

    def make() -> None:
        if not database.one("SELECT 1 FROM clients WHERE client_id = %s", (new,)):
            database.execute(
                "INSERT INTO clients (client_id, name, plan, created_at)"
                " VALUES (%s, 'x', 'standard', UTC_TIMESTAMP(6))",
                (new,),
            )
            gateway.create_api_key(name=f"stack/{new}", value=new, enabled=True)

    deleted = [
        difference
        for difference in GatewayRecords(ClientMadeAfterKeysAreRead(), database, PLACE).mend().done
        if difference.problem == "belongs to no client"
    ]
    assert deleted == []
    assert records.mend().left == ()
    assert f"stack/{new}" in {key[0] for key in state(gateway)["keys"]}


def test_a_disabled_clients_key_is_refused(records: GatewayRecords, gateway: Any, database: Database) -> None:
    records.mend()
    database.execute("UPDATE clients SET disabled_at = UTC_TIMESTAMP(6) WHERE client_id = %s", (IDS[0],))
    records.mend(Scope(client_id=IDS[0]))
    assert [key[2] for key in state(gateway)["keys"]] == [False, True, True]


def test_one_clients_change_touches_nothing_else(records: GatewayRecords, gateway: Any) -> None:
    records.mend()
    for client_id in IDS:
        gateway.delete_api_key(apiKey=key_of(gateway, client_id))
    assert records.mend(Scope(client_id=IDS[1])).left == ()
    assert state(gateway)["keys"] == [IN_STEP["keys"][1]]
    assert records.mend(PLANS).done == ()


def test_what_api_gateway_refuses_is_left_and_the_rest_is_done(
    records: GatewayRecords, gateway: Any, database: Database
) -> None:
    database.execute("INSERT INTO clients (client_id, name, plan, created_at) VALUES ('short', 'x', 'standard', now())")
    mended = records.mend()
    assert [(each.record, each.problem) for each in mended.left] == [("key stack/short", "is missing")]
    assert state(gateway) == IN_STEP


def test_api_gateway_or_the_database_away(gateway: Any, database: Database) -> None:
    for work in (GatewayRecords(Away(), database, PLACE).mend, GatewayRecords(Away(), database, PLACE).differences):
        with pytest.raises(Unavailable):
            work()


def test_the_scheduled_function_tells_what_it_did(
    records: GatewayRecords, gateway: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(app, "records", lambda: records)
    assert app.handler({}, FakeContext()) == {"mended": 7, "left": 0}
    assert '"GatewayRecordsMended":[7.0]' in capsys.readouterr().out
    assert app.handler({}, FakeContext()) == {"mended": 0, "left": 0}
    assert state(gateway) == IN_STEP


def test_a_change_by_the_api_is_there_at_once(gateway: Any, database: Database) -> None:
    desk = Administration(database, gateway)
    desk.key("key_me", Role.ADMIN, IDS[0])
    assert desk.ask("PUT", "/v1/admin/plans/small", PLAN).headers["Gateway-Records"] == "in-step"
    answer = desk.ask("POST", "/v1/admin/clients", {"name": "x", "plan": "small"})
    client_id = answer.json["client_id"]
    assert answer.headers["Gateway-Records"] == "in-step"
    assert (f"stack/{client_id}", client_id, True) in state(gateway)["keys"]
    assert ("stack/small", 5.0, 10, False, ["api:dev"], [client_id]) in state(gateway)["plans"]

    desk.ask("PATCH", f"/v1/admin/clients/{client_id}", {"disabled": True, "plan": "standard"})
    assert (f"stack/{client_id}", client_id, False) in state(gateway)["keys"]
    assert desk.ask("DELETE", "/v1/admin/plans/small").headers["Gateway-Records"] == "in-step"
    assert [plan[0] for plan in state(gateway)["plans"]] == ["stack/standard"]


def test_a_dry_run_does_not_reach_api_gateway(gateway: Any, database: Database) -> None:
    desk = Administration(database, gateway)
    desk.key("key_me", Role.ADMIN, IDS[0])
    dry = {"dry_run": "true"}
    desk.ask("POST", "/v1/admin/clients", {"name": "x", "plan": "standard"}, query=dry)
    found = desk.ask("POST", "/v1/admin/gateway/reconcile", query=dry).json
    assert len(found["before"]["differences"]) == 4
    assert found["after"] == {"in_step": True, "differences": []}
    assert state(gateway) == {"keys": [], "plans": []}
    assert desk.audit() == []


def test_the_api_shows_and_mends_and_notes_it(gateway: Any, database: Database) -> None:
    desk = Administration(database, gateway)
    desk.key("key_me", Role.ADMIN, IDS[0])
    shown = desk.ask("GET", "/v1/admin/gateway", role=Role.AUDITOR).json
    assert not shown["in_step"]
    assert {"record": f"key stack/{IDS[0]}", "problem": "is missing"} in shown["differences"]
    mended = desk.ask("POST", "/v1/admin/gateway/reconcile").json
    assert len(mended["mended"]) == 7
    assert mended["left"] == []
    assert desk.ask("GET", "/v1/admin/gateway").json == {"in_step": True, "differences": []}
    (line,) = desk.audit()
    assert (line["action"], line["target"], line["after_it"]) == ("gateway:mend", "gateway", mended)


def add_plan(database: Database, name: str) -> None:
    database.execute(
        "INSERT INTO plans SELECT %s, rate_per_s, burst, quota_day, quota_month, concurrent, tasks, max_photos,"
        " default_wait_s, max_wait_s, created_at, updated_at FROM plans WHERE plan = 'standard'",
        (name,),
    )


def clear(gateway: Any) -> None:
    for plan in gateway.get_usage_plans()["items"]:
        for stage in plan["apiStages"]:
            operation = {"op": "remove", "path": "/apiStages", "value": f"{stage['apiId']}:{stage['stage']}"}
            gateway.update_usage_plan(usagePlanId=plan["id"], patchOperations=[operation])
        gateway.delete_usage_plan(usagePlanId=plan["id"])
    for key in gateway.get_api_keys()["items"]:
        gateway.delete_api_key(apiKey=key["id"])
