"""`/v1/admin/clients`: clients, their photos and usage."""

from datetime import date
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Query

from admin.contract import Client, ClientChange, ClientPage, DryRun, NewClient
from admin.gateway import keep_in_step
from admin.report_contract import Usage
from admin.services import (
    Cursor,
    DryRunQuery,
    Id,
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
from core.gateway_records import Scope

CLIENTS = "/v1/admin/clients"
CLIENT = f"{CLIENTS}/<client_id>"

router = new_router()


@router.get(CLIENTS, summary="Clients", responses=answers(200, ClientPage, "A page, by id"), tags=["Clients"])
def list_clients(limit: Limit = 20, cursor: Cursor = None) -> Response[str]:
    return answer(200, services_of(router).clients.page(principal_of(router), after=cursor, limit=limit))


@router.post(CLIENTS, summary="Make a client", responses=changes(201, Client, "Made"), tags=["Clients"])
def create_client(body: Annotated[NewClient, Body()], dry_run: DryRunQuery = False) -> Response[str]:
    client = services_of(router).clients.create(caller_of(router, dry_run), body)
    return _in_step(201, client)


@router.get(CLIENT, summary="One client", responses=answers(200, Client, "As it stands"), tags=["Clients"])
def get_client(client_id: Id) -> Response[str]:
    return answer(200, services_of(router).clients.get(principal_of(router), client_id))


@router.patch(
    CLIENT,
    summary="Change a client's name, plan, retention or reuse of verdicts, disable or enable it",
    responses=changes(200, Client, "Changed"),
    tags=["Clients"],
)
def update_client(client_id: Id, body: Annotated[ClientChange, Body()], dry_run: DryRunQuery = False) -> Response[str]:
    return _in_step(200, services_of(router).clients.update(caller_of(router, dry_run), client_id, body))


@router.delete(
    f"{CLIENT}/photos",
    summary="Erase a client's photos",
    description="All that were accepted until now; they are deleted within the hour. The facts stay.",
    responses=changes(202, Client, "Marked to be erased"),
    tags=["Clients"],
)
def erase_photos(client_id: Id, dry_run: DryRunQuery = False) -> Response[str]:
    return answer(202, services_of(router).clients.erase_photos(caller_of(router, dry_run), client_id))


@router.get(
    f"{CLIENT}/usage",
    summary="What a client used",
    responses=answers(200, Usage, "Counters of this moment, and days"),
    tags=["Clients"],
)
def get_usage(
    client_id: Id,
    first: Annotated[date | None, Query(alias="from", description="The first day, UTC; 30 days before `to`.")] = None,
    last: Annotated[date | None, Query(alias="to", description="The last day, UTC; today.")] = None,
) -> Response[str]:
    return answer(200, services_of(router).reports.usage(principal_of(router), client_id, first, last))


def _in_step(status: int, client: Client | DryRun) -> Response[str]:
    if isinstance(client, DryRun):
        return answer(status, client)
    headers = {"Gateway-Records": keep_in_step(gateway_of(router), Scope(client_id=client.client_id))}
    if status == 201:
        headers["Location"] = f"{CLIENTS}/{client.client_id}"
    return answer(status, client, headers)
