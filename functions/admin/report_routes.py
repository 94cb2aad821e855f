"""`/v1/me`, `/v1/admin/roles`, `/v1/admin/audit`, `/v1/admin/gateway`."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from admin import gateway
from admin.report_contract import AuditPage, GatewayMended, GatewayState, Me, Roles
from admin.reports import role_table
from admin.services import (
    DryRunQuery,
    Limit,
    answer,
    answers,
    caller_of,
    changes,
    gateway_of,
    new_router,
    principal_of,
    services_of,
)
from core.audit import Deed

Filter = Annotated[str | None, Query(min_length=1, max_length=40)]

router = new_router()


@router.get("/v1/me", summary="Who is asking, and what is left", responses=answers(200, Me, "You"), tags=["Me"])
def get_me() -> Response[str]:
    return answer(200, services_of(router).reports.me(principal_of(router)))


@router.get(
    "/v1/admin/roles",
    summary="Roles, and what each may do",
    responses=answers(200, Roles, "The table that every request is checked by"),
    tags=["Roles"],
)
def get_roles() -> Response[str]:
    return answer(200, role_table())


@router.get(
    "/v1/admin/audit",
    summary="Who changed what, newest first",
    responses=answers(200, AuditPage, "A page"),
    tags=["Audit"],
)
def list_audit(
    limit: Limit = 20,
    cursor: Annotated[int | None, Query(ge=1, lt=2**64)] = None,
    client: Filter = None,
    actor: Filter = None,
    action: Annotated[Deed | None, Query()] = None,
) -> Response[str]:
    lines = services_of(router).reports.audit(
        principal_of(router), client_id=client, actor=actor, deed=action, before=cursor, limit=limit
    )
    return answer(200, lines)


@router.get(
    "/v1/admin/gateway",
    summary="How API Gateway's records differ from ours",
    responses=answers(200, GatewayState, "Nothing, if all is in step"),
    tags=["Gateway"],
)
def get_gateway() -> Response[str]:
    return answer(200, gateway.state(gateway_of(router)))


@router.post(
    "/v1/admin/gateway/reconcile",
    summary="Mend API Gateway's records",
    responses=changes(200, GatewayMended, "What was mended, and what could not be"),
    tags=["Gateway"],
)
def reconcile_gateway(dry_run: DryRunQuery = False) -> Response[str]:
    caller = caller_of(router, dry_run)
    return answer(200, gateway.reconcile(gateway_of(router), services_of(router).changes, caller))
