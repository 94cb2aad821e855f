"""API Gateway's keys and usage plans, kept in step with our clients and plans.

What is there is read before what should be: a client is committed before its key is made, so whatever was found then
has its row by the time the rows are read, and no key of a new client is taken for one of nobody.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from core.database import Database
from core.errors import Unavailable
from core.gateway_drift import (
    Call,
    Difference,
    Found,
    FoundKey,
    FoundPlan,
    Place,
    Wanted,
    WantedKey,
    WantedPlan,
    differences,
)
from core.observability import logger

ROUNDS = 4  # what is missing, what joins it, and one more for whoever mends at the same time
PAGE = 500  # API Gateway's own bound


@dataclass(frozen=True)
class Scope:
    """Which keys to look at beside the plans: everybody's, one client's, or none."""

    keys: bool = True
    client_id: str | None = None


EVERYTHING = Scope()
PLANS = Scope(keys=False)


@dataclass(frozen=True)
class Mended:
    """`left`: what still differs; the next look tries it again."""

    done: tuple[Difference, ...]
    left: tuple[Difference, ...]


class GatewayRecords:
    """`client` is a boto3 API Gateway client. Everything raises Unavailable when it or the database is away."""

    def __init__(self, client: Any, database: Database, place: Place) -> None:
        self._client = client
        self._database = database
        self._place = place

    def differences(self, scope: Scope = EVERYTHING) -> list[Difference]:
        """What is not in step at this moment."""
        found = self._found(scope, frozenset())
        return differences(self._wanted(scope), found, self._place)

    def mend(self, scope: Scope = EVERYTHING) -> Mended:
        """Look and mend until nothing differs or nothing helps.

        Each round starts from what is there, never from what an earlier one meant to do: so it may be cut off
        anywhere, and run twice at once.
        """
        done: list[Difference] = []
        taken: frozenset[str] = frozenset()
        for _ in range(ROUNDS):
            found = self._found(scope, taken)
            waiting = differences(self._wanted(scope), found, self._place)
            mended = [difference for difference in waiting if self._make(difference.calls)]
            done += mended
            # A value that is taken is a key of ours under another name: look among all names for it.
            refused = [difference for difference in waiting if difference not in mended]
            taken = frozenset(
                call.arguments["value"] for each in refused for call in each.calls if call.operation == "create_api_key"
            )
            if not mended and not taken:
                return Mended(tuple(done), tuple(waiting))
        return Mended(tuple(done), tuple(self.differences(scope)))

    def _make(self, calls: tuple[Call, ...]) -> bool:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            for call in calls:
                getattr(self._client, call.operation)(**call.arguments)
        except ClientError as error:
            # Somebody else may have been faster: the next look tells.
            logger.warning(
                "API Gateway refused a record", operation=call.operation, code=error.response["Error"]["Code"]
            )
            return False
        except BotoCoreError as error:
            raise Unavailable("API Gateway's records can't be reached at the moment.") from error
        return True

    def _wanted(self, scope: Scope) -> Wanted:
        plans = self._database.all("SELECT plan, rate_per_s, burst FROM plans ORDER BY plan")
        one = "" if scope.client_id is None else " WHERE client_id = %(client_id)s"
        clients = self._database.all(
            f"SELECT client_id, plan, disabled_at IS NULL AS enabled FROM clients{one} ORDER BY client_id",
            {"client_id": scope.client_id},
        )
        return Wanted(
            {row["plan"]: WantedPlan(row["rate_per_s"], row["burst"]) for row in plans},
            {row["client_id"]: WantedKey(row["plan"], bool(row["enabled"])) for row in clients} if scope.keys else {},
        )

    def _found(self, scope: Scope, values: frozenset[str]) -> Found:
        """`values`: of keys that are ours under whatever name."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            plans = tuple(_plan(item) for item in self._items("get_usage_plans"))
            if not scope.keys:
                return Found(plans, ())
            return Found(plans, tuple(self._keys(scope, values, plans)))
        except (BotoCoreError, ClientError) as error:
            raise Unavailable("API Gateway's records can't be read at the moment.") from error

    def _keys(self, scope: Scope, values: frozenset[str], plans: tuple[FoundPlan, ...]) -> Iterator[FoundKey]:
        # By name, so that the values of other applications' keys, which are secrets, do not come here.
        name = {} if values else {"nameQuery": f"{self._place.prefix}{scope.client_id or ''}"}
        items = [
            item
            for item in self._items("get_api_keys", includeValues=True, **name)
            if item["value"] in values
            or (item.get("name", "").startswith(self._place.prefix) and scope.client_id in (None, item["value"]))
        ]
        plan_ids = self._plans_of(items, plans) if scope.client_id is None else None
        for item in items:
            yield FoundKey(
                key_id=item["id"],
                name=item.get("name", ""),
                value=item["value"],
                enabled=item.get("enabled", False),
                plan_ids=frozenset(
                    plan_ids[item["id"]]
                    if plan_ids is not None
                    else (plan["id"] for plan in self._items("get_usage_plans", keyId=item["id"]))
                ),
            )

    def _plans_of(self, keys: list[dict[str, Any]], plans: tuple[FoundPlan, ...]) -> dict[str, set[str]]:
        """The plans of every key; asked plan by plan, since there are fewer of them."""
        found: dict[str, set[str]] = {key["id"]: set() for key in keys}
        for plan in plans:
            if plan.name.startswith(self._place.prefix) or self._place.api_stage in plan.stages:
                for item in self._items("get_usage_plan_keys", usagePlanId=plan.plan_id):
                    found.get(item["id"], set()).add(plan.plan_id)
        return found

    def _items(self, operation: str, **arguments: Any) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator(operation).paginate(PaginationConfig={"PageSize": PAGE}, **arguments)
        for page in pages:
            yield from page.get("items", [])


def _plan(item: dict[str, Any]) -> FoundPlan:
    throttle = item.get("throttle", {})
    return FoundPlan(
        plan_id=item["id"],
        name=item.get("name", ""),
        rate_per_s=throttle.get("rateLimit"),
        burst=throttle.get("burstLimit"),
        quota="quota" in item,
        stages=frozenset(f"{stage['apiId']}:{stage['stage']}" for stage in item.get("apiStages", [])),
    )
