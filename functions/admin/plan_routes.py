"""`/v1/admin/plans`: usage plans."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path

from admin.contract import PLAN_NAME, DryRun, Plan, PlanInput, PlanList
from admin.gateway import keep_in_step
from admin.services import (
    DryRunQuery,
    answer,
    answers,
    caller_of,
    changes,
    gateway_of,
    new_router,
    services_of,
)
from core.gateway_records import PLANS as PLAN_RECORDS

PLANS = "/v1/admin/plans"
PLAN = f"{PLANS}/<plan>"
PlanId = Annotated[str, Path(pattern=PLAN_NAME)]

router = new_router()


@router.get(PLANS, summary="Usage plans", responses=answers(200, PlanList, "All of them"), tags=["Plans"])
def list_plans() -> Response[str]:
    return answer(200, services_of(router).plans.all())


@router.get(PLAN, summary="One usage plan", responses=answers(200, Plan, "As it stands"), tags=["Plans"])
def get_plan(plan: PlanId) -> Response[str]:
    return answer(200, services_of(router).plans.get(plan))


@router.put(
    PLAN, summary="Make or replace a usage plan", responses=changes(200, Plan, "As it is from now on"), tags=["Plans"]
)
def put_plan(plan: PlanId, body: Annotated[PlanInput, Body()], dry_run: DryRunQuery = False) -> Response[str]:
    return _in_step(200, services_of(router).plans.put(caller_of(router, dry_run), plan, body))


@router.delete(PLAN, summary="Delete a usage plan", responses=changes(204, None, "Deleted"), tags=["Plans"])
def delete_plan(plan: PlanId, dry_run: DryRunQuery = False) -> Response[str]:
    return _in_step(204, services_of(router).plans.delete(caller_of(router, dry_run), plan))


def _in_step(status: int, plan: Plan | DryRun | None) -> Response[str]:
    if isinstance(plan, DryRun):
        return answer(status, plan)
    return answer(status, plan, {"Gateway-Records": keep_in_step(gateway_of(router), PLAN_RECORDS)})
