"""What API Gateway should hold for our clients and plans, what it holds, and the calls that lead from one to the other.

A client has one key there: its value is the client's id, which is what the authorizer names; no secret is in it. A plan
has one usage plan. Both are named `{stack}/…`, and nothing that is named otherwise is ever deleted.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Place:
    """Where the records belong: the stack whose name they carry, and the API's stage that they open."""

    stack: str
    api_id: str
    stage: str

    @property
    def prefix(self) -> str:
        return f"{self.stack}/"

    @property
    def api_stage(self) -> str:
        return f"{self.api_id}:{self.stage}"


@dataclass(frozen=True)
class WantedPlan:
    rate_per_s: int
    burst: int


@dataclass(frozen=True)
class WantedKey:
    plan: str
    enabled: bool


@dataclass(frozen=True)
class Wanted:
    """Plans by name, keys by client id."""

    plans: Mapping[str, WantedPlan]
    keys: Mapping[str, WantedKey]


@dataclass(frozen=True)
class FoundPlan:
    """A usage plan; `stages` are `api:stage`."""

    plan_id: str
    name: str
    rate_per_s: float | None
    burst: int | None
    quota: bool
    stages: frozenset[str]


@dataclass(frozen=True)
class FoundKey:
    """A key; `plan_ids` are the usage plans that it is in."""

    key_id: str
    name: str
    value: str
    enabled: bool
    plan_ids: frozenset[str]


@dataclass(frozen=True)
class Found:
    plans: tuple[FoundPlan, ...]
    keys: tuple[FoundKey, ...]


@dataclass(frozen=True)
class Call:
    """One call of API Gateway's control plane, as boto3 names it."""

    operation: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it should be, and the calls that mend it."""

    record: str
    problem: str
    calls: tuple[Call, ...]


def differences(wanted: Wanted, found: Found, place: Place) -> list[Difference]:
    """Everything that can be mended from here; what builds on it shows when one looks again. Empty: all is in step."""
    kept = _kept_plans(found, place)
    return [
        *_plan_drift(wanted, kept, place),
        *_key_drift(wanted, found, place),
        *_membership_drift(wanted, found, kept, place),
        *_surplus_keys(wanted, found, place),
        *_surplus_plans(wanted, found, kept, place),
    ]


def _kept_plans(found: Found, place: Place) -> dict[str, FoundPlan]:
    """By name without the prefix. API Gateway takes any number of one name; whoever looks keeps the same one."""
    kept: dict[str, FoundPlan] = {}
    for plan in sorted(found.plans, key=lambda plan: plan.plan_id):
        if plan.name.startswith(place.prefix):
            kept.setdefault(plan.name.removeprefix(place.prefix), plan)
    return kept


def _plan_drift(wanted: Wanted, kept: Mapping[str, FoundPlan], place: Place) -> Iterator[Difference]:
    for name, plan in wanted.plans.items():
        record = f"usage plan {place.prefix}{name}"
        there = kept.get(name)
        if there is None:
            yield Difference(record, "is missing", (_create_plan(name, plan, place),))
            continue
        if there.rate_per_s != plan.rate_per_s or there.burst != plan.burst:
            problem = f"lets through {there.rate_per_s}/s, burst {there.burst}; not {plan.rate_per_s}/s, {plan.burst}"
            yield Difference(record, problem, (_patch_plan(there, *_throttle(plan)),))
        if there.quota:
            yield Difference(record, "has a quota", (_patch_plan(there, _operation("remove", "/quota")),))
        if place.api_stage not in there.stages:
            opens = _operation("add", "/apiStages", place.api_stage)
            yield Difference(record, f"does not open {place.api_stage}", (_patch_plan(there, opens),))
        for stage in sorted(there.stages - {place.api_stage}):
            closes = _operation("remove", "/apiStages", stage)
            yield Difference(record, f"opens {stage}", (_patch_plan(there, closes),))


def _key_drift(wanted: Wanted, found: Found, place: Place) -> Iterator[Difference]:
    by_value = {key.value: key for key in found.keys}
    for client_id, key in wanted.keys.items():
        name = f"{place.prefix}{client_id}"
        there = by_value.get(client_id)
        if there is None:
            create = Call("create_api_key", {"name": name, "value": client_id, "enabled": key.enabled})
            yield Difference(f"key {name}", "is missing", (create,))
            continue
        if there.name != name:
            renames = _patch_key(there, "/name", name)
            yield Difference(f"key {name}", f"is named {there.name}", (renames,))
        if there.enabled != key.enabled:
            problem = "is enabled" if there.enabled else "is disabled"
            yield Difference(f"key {name}", problem, (_patch_key(there, "/enabled", str(key.enabled).lower()),))


def _membership_drift(
    wanted: Wanted, found: Found, kept: Mapping[str, FoundPlan], place: Place
) -> Iterator[Difference]:
    # API Gateway refuses a key a second plan on a stage, so a key leaves one plan before it joins another: for that
    # moment it has none. Both calls stand together to keep the moment short.
    ours = {plan.plan_id: plan for plan in found.plans if _is_ours(plan, place)}
    for key in found.keys:
        if key.value not in wanted.keys or (right := kept.get(wanted.keys[key.value].plan)) is None:
            continue
        record = f"key {place.prefix}{key.value}"
        leaves = [
            Call("delete_usage_plan_key", {"usagePlanId": plan_id, "keyId": key.key_id})
            for plan_id in sorted(key.plan_ids & set(ours) - {right.plan_id})
        ]
        joins = Call("create_usage_plan_key", {"usagePlanId": right.plan_id, "keyId": key.key_id, "keyType": "API_KEY"})
        if right.plan_id not in key.plan_ids:
            yield Difference(record, f"is not in usage plan {right.name}", (*leaves, joins))
        elif leaves:
            yield Difference(record, "is in a usage plan that is not its client's", tuple(leaves))


def _surplus_keys(wanted: Wanted, found: Found, place: Place) -> Iterator[Difference]:
    for key in found.keys:
        if key.value not in wanted.keys and key.name.startswith(place.prefix):
            yield Difference(
                f"key {key.name}", "belongs to no client", (Call("delete_api_key", {"apiKey": key.key_id}),)
            )


def _surplus_plans(wanted: Wanted, found: Found, kept: Mapping[str, FoundPlan], place: Place) -> Iterator[Difference]:
    for plan in found.plans:
        if not plan.name.startswith(place.prefix):
            continue
        first = kept[plan.name.removeprefix(place.prefix)]
        if plan.name.removeprefix(place.prefix) in wanted.plans and plan is first:
            continue
        problem = "is no plan of ours" if plan is first else f"is there twice ({plan.plan_id})"
        # API Gateway refuses to delete a usage plan that still opens a stage.
        closes = [_patch_plan(plan, _operation("remove", "/apiStages", stage)) for stage in sorted(plan.stages)]
        delete = Call("delete_usage_plan", {"usagePlanId": plan.plan_id})
        yield Difference(f"usage plan {plan.name}", problem, (*closes, delete))


def _is_ours(plan: FoundPlan, place: Place) -> bool:
    return plan.name.startswith(place.prefix) or place.api_stage in plan.stages


def _create_plan(name: str, plan: WantedPlan, place: Place) -> Call:
    return Call(
        "create_usage_plan",
        {
            "name": f"{place.prefix}{name}",
            "throttle": {"rateLimit": float(plan.rate_per_s), "burstLimit": plan.burst},
            "apiStages": [{"apiId": place.api_id, "stage": place.stage}],
        },
    )


def _throttle(plan: WantedPlan) -> tuple[dict[str, str], dict[str, str]]:
    return (
        _operation("replace", "/throttle/rateLimit", str(plan.rate_per_s)),
        _operation("replace", "/throttle/burstLimit", str(plan.burst)),
    )


def _patch_plan(plan: FoundPlan, *operations: Mapping[str, str]) -> Call:
    return Call("update_usage_plan", {"usagePlanId": plan.plan_id, "patchOperations": list(operations)})


def _patch_key(key: FoundKey, path: str, value: str) -> Call:
    operation = _operation("replace", path, value)
    return Call("update_api_key", {"apiKey": key.key_id, "patchOperations": [operation]})


def _operation(operation: str, path: str, value: str | None = None) -> dict[str, str]:
    return {"op": operation, "path": path} | ({} if value is None else {"value": value})
