"""What differs between our records and API Gateway's, and the calls that mend it."""

from dataclasses import replace

import pytest

from core.gateway_drift import (
    Call,
    Found,
    FoundKey,
    FoundPlan,
    Place,
    Wanted,
    WantedKey,
    WantedPlan,
    differences,
)

PLACE = Place("stack", "api1", "dev")
WANTED = Wanted({"standard": WantedPlan(10, 20)}, {"client-a": WantedKey("standard", enabled=True)})
PLAN = FoundPlan("p1", "stack/standard", 10.0, 20, quota=False, stages=frozenset({"api1:dev"}))
KEY = FoundKey("k1", "stack/client-a", "client-a", enabled=True, plan_ids=frozenset({"p1"}))
FOREIGN_PLAN = FoundPlan("p0", "their plan", None, None, quota=True, stages=frozenset({"api1:dev"}))
FOREIGN_KEY = FoundKey("k0", "their key", "their value", enabled=True, plan_ids=frozenset({"p0"}))


def calls(*, plans: tuple[FoundPlan, ...] = (PLAN,), keys: tuple[FoundKey, ...] = (KEY,)) -> list[list[str]]:
    return [
        [_short(call) for call in difference.calls] for difference in differences(WANTED, Found(plans, keys), PLACE)
    ]


def _short(call: Call) -> str:
    operations = [" ".join(each.values()) for each in call.arguments.get("patchOperations", ())]
    names = [str(call.arguments[name]) for name in ("apiKey", "usagePlanId", "keyId", "name") if name in call.arguments]
    return " ".join([call.operation, *names, *operations])


def test_nothing_to_do() -> None:
    assert calls() == []
    assert calls(plans=(FOREIGN_PLAN, PLAN), keys=(FOREIGN_KEY, KEY)) == []


def test_all_is_missing() -> None:
    found = differences(WANTED, Found((), ()), PLACE)
    assert [difference.calls for difference in found] == [
        (
            Call(
                "create_usage_plan",
                {
                    "name": "stack/standard",
                    "throttle": {"rateLimit": 10.0, "burstLimit": 20},
                    "apiStages": [{"apiId": "api1", "stage": "dev"}],
                },
            ),
        ),
        (Call("create_api_key", {"name": "stack/client-a", "value": "client-a", "enabled": True}),),
    ]


JOINS = "create_usage_plan_key p1 k1"
DRIFT: dict[str, tuple[tuple[FoundPlan, ...], tuple[FoundKey, ...], list[list[str]]]] = {
    "rate": (
        (replace(PLAN, rate_per_s=11.0),),
        (KEY,),
        [["update_usage_plan p1 replace /throttle/rateLimit 10 replace /throttle/burstLimit 20"]],
    ),
    "no throttle": (
        (replace(PLAN, rate_per_s=None, burst=None),),
        (KEY,),
        [["update_usage_plan p1 replace /throttle/rateLimit 10 replace /throttle/burstLimit 20"]],
    ),
    "a quota": ((replace(PLAN, quota=True),), (KEY,), [["update_usage_plan p1 remove /quota"]]),
    "no stage": ((replace(PLAN, stages=frozenset()),), (KEY,), [["update_usage_plan p1 add /apiStages api1:dev"]]),
    "another stage too": (
        (replace(PLAN, stages=frozenset({"api1:dev", "api2:dev"})),),
        (KEY,),
        [["update_usage_plan p1 remove /apiStages api2:dev"]],
    ),
    "a plan twice": (
        (PLAN, replace(PLAN, plan_id="p2")),
        (replace(KEY, plan_ids=frozenset({"p2"})),),
        [
            ["delete_usage_plan_key p2 k1", JOINS],
            ["update_usage_plan p2 remove /apiStages api1:dev", "delete_usage_plan p2"],
        ],
    ),
    "a plan of ours too many": (
        (PLAN, replace(PLAN, plan_id="p2", name="stack/old")),
        (KEY,),
        [["update_usage_plan p2 remove /apiStages api1:dev", "delete_usage_plan p2"]],
    ),
    "disabled": ((PLAN,), (replace(KEY, enabled=False),), [["update_api_key k1 replace /enabled true"]]),
    "renamed": ((PLAN,), (replace(KEY, name="hello"),), [["update_api_key k1 replace /name stack/client-a"]]),
    "a key of nobody": (
        (PLAN,),
        (KEY, replace(KEY, key_id="k2", name="stack/client-z", value="client-z")),
        [["delete_api_key k2"]],
    ),
    "in no plan": ((PLAN,), (replace(KEY, plan_ids=frozenset()),), [[JOINS]]),
    "in another's plan": (
        (FOREIGN_PLAN, PLAN),
        (replace(KEY, plan_ids=frozenset({"p0"})),),
        [["delete_usage_plan_key p0 k1", JOINS]],
    ),
    "in the plan of another api": (
        (replace(FOREIGN_PLAN, stages=frozenset({"api2:dev"})), PLAN),
        (replace(KEY, plan_ids=frozenset({"p0", "p1"})),),
        [],
    ),
}


@pytest.mark.parametrize(("plans", "keys", "mending"), DRIFT.values(), ids=DRIFT.keys())
def test_drift(plans: tuple[FoundPlan, ...], keys: tuple[FoundKey, ...], mending: list[list[str]]) -> None:
    assert calls(plans=plans, keys=keys) == mending


def test_another_stacks_records_are_left_alone() -> None:
    """Also where its name begins like ours."""
    theirs = (replace(PLAN, plan_id="p9", name="stack2/standard", stages=frozenset({"api9:dev"})),)
    keys = (replace(KEY, key_id="k9", name="stack2/client-z", value="client-z", plan_ids=frozenset({"p9"})),)
    assert calls(plans=(PLAN, *theirs), keys=(KEY, *keys)) == []


def test_a_disabled_clients_key_is_disabled() -> None:
    wanted = replace(WANTED, keys={"client-a": WantedKey("standard", enabled=False)})
    (difference,) = differences(wanted, Found((PLAN,), (KEY,)), PLACE)
    assert (difference.record, difference.problem) == ("key stack/client-a", "is enabled")
    assert [_short(call) for call in difference.calls] == ["update_api_key k1 replace /enabled false"]
