"""`/v1/admin/clients/{client_id}/members`."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body

from admin.contract import Member, MemberChange, MemberPage, NewMember
from admin.services import (
    Cursor,
    DryRunQuery,
    Id,
    Limit,
    answer,
    answers,
    caller_of,
    changes,
    new_router,
    principal_of,
    services_of,
)

MEMBERS = "/v1/admin/clients/<client_id>/members"
MEMBER = f"{MEMBERS}/<member_id>"

router = new_router()


@router.get(
    MEMBERS, summary="A client's members", responses=answers(200, MemberPage, "A page, by id"), tags=["Members"]
)
def list_members(client_id: Id, limit: Limit = 20, cursor: Cursor = None) -> Response[str]:
    return answer(200, services_of(router).members.page(principal_of(router), client_id, after=cursor, limit=limit))


@router.post(MEMBERS, summary="Add a member", responses=changes(201, Member, "Added"), tags=["Members"])
def create_member(client_id: Id, body: Annotated[NewMember, Body()], dry_run: DryRunQuery = False) -> Response[str]:
    return answer(201, services_of(router).members.create(caller_of(router, dry_run), client_id, body))


@router.patch(
    MEMBER, summary="Change a member's name or role", responses=changes(200, Member, "Changed"), tags=["Members"]
)
def update_member(
    client_id: Id, member_id: Id, body: Annotated[MemberChange, Body()], dry_run: DryRunQuery = False
) -> Response[str]:
    return answer(200, services_of(router).members.update(caller_of(router, dry_run), client_id, member_id, body))


@router.delete(MEMBER, summary="Remove a member", responses=changes(204, None, "Removed"), tags=["Members"])
def delete_member(client_id: Id, member_id: Id, dry_run: DryRunQuery = False) -> Response[str]:
    return answer(204, services_of(router).members.delete(caller_of(router, dry_run), client_id, member_id))
