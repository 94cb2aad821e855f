"""What the routes work with, and what every route does with a request and an answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from aws_lambda_powertools.event_handler.router import APIGatewayRouter
from pydantic import BaseModel

from admin.changes import Caller, Changes
from admin.clients import Clients
from admin.contract import DryRun
from admin.dead_letter_contract import StageName
from admin.dead_letters import DeadLetterOffice, StageQueues
from admin.keys import Keys
from admin.members import Members
from admin.plans import Plans
from admin.reports import Reports
from core.audit import actor_of
from core.contract import Problem
from core.database import Database
from core.errors import InvalidRequest
from core.gateway_drift import Place
from core.gateway_records import GatewayRecords
from core.principal import Principal

Id = Annotated[str, Path(min_length=1, max_length=40)]
Limit = Annotated[int, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(min_length=1, max_length=40)]
DryRunQuery = Annotated[bool, Query(description="Try it, undo it, and tell what would change.")]

PROBLEMS: dict[int, Any] = {
    status: {"description": what, "content": {"application/problem+json": {"model": Problem}}}
    for status, what in {
        400: "The request is not valid; `code` and `field` say why.",
        401: "No key, or one that is not valid.",
        403: "The role does not allow it, or it would give more than it allows.",
        404: "Unknown, or another client's.",
        409: "It can't be done as things stand; nothing was changed.",
        415: "The body is not application/json.",
        429: "Too many requests; `Retry-After` says when to come back.",
        503: "Not available at the moment; nothing was changed.",
    }.items()
}


@dataclass(frozen=True)
class Services:
    """`gateway_client` makes the boto3 client of API Gateway when it is first needed, `stage_queues` that of SQS."""

    database: Database
    stack_name: str
    gateway_client: Callable[[], Any]
    stage_queues: Callable[[], Mapping[StageName, StageQueues]]

    @property
    def changes(self) -> Changes:
        return Changes(self.database)

    @property
    def clients(self) -> Clients:
        return Clients(self.database, self.changes)

    @property
    def keys(self) -> Keys:
        return Keys(self.database, self.changes)

    @property
    def members(self) -> Members:
        return Members(self.database, self.changes)

    @property
    def plans(self) -> Plans:
        return Plans(self.database, self.changes)

    @property
    def dead_letters(self) -> DeadLetterOffice:
        return DeadLetterOffice(self.database, self.changes, self.stage_queues())

    @property
    def reports(self) -> Reports:
        return Reports(self.database)


def new_router() -> APIGatewayRouter:
    return APIGatewayRouter()  # type: ignore[no-untyped-call]


def services_of(router: APIGatewayRouter) -> Services:
    """As the handler put them into the context."""
    services: Services = router.context["services"]
    return services


def principal_of(router: APIGatewayRouter) -> Principal:
    """Whoever the front door let in."""
    principal: Principal = router.context["principal"]
    return principal


def caller_of(router: APIGatewayRouter, dry_run: bool) -> Caller:
    """For a change: who, from where. A misspelt `dry_run` must not be a change in earnest, so nothing else is taken.

    Raises InvalidRequest.
    """
    for name, values in router.current_event.resolved_query_string_parameters.items():
        if name != "dry_run" or len(values) > 1:
            raise InvalidRequest("The one parameter of a change is dry_run, once.", field=name[:100])
    actor = actor_of(principal_of(router), router.current_event)
    return Caller(actor.principal, actor.source_ip, actor.request_id, dry_run)


def gateway_of(router: APIGatewayRouter) -> GatewayRecords:
    """Of the API and stage that the request came by: a function cannot be told them by the template, since the API
    itself is made with the function's name in it."""
    services, context = services_of(router), router.current_event.request_context
    place = Place(services.stack_name, context.api_id or "", context.stage or "")
    return GatewayRecords(services.gateway_client(), services.database, place)


def answers(status: int, model: Any, what: str) -> dict[int, Any]:
    """For the API's document: what a read answers."""
    return {status: {"description": what, "content": {"application/json": {"model": model}}}, **PROBLEMS}


def changes(status: int, model: Any, what: str) -> dict[int, Any]:
    """For the API's document: what a change answers, and its dry run. No model: no body."""
    done: dict[str, Any] = {"description": what}
    if model is not None:
        done["content"] = {"application/json": {"model": model | DryRun if status == 200 else model}}
    dry = {"description": "What a dry run found", "content": {"application/json": {"model": DryRun}}}
    return {200: dry, status: done, **PROBLEMS}


def answer(status: int, model: BaseModel | None, headers: Mapping[str, str] | None = None) -> Response[str]:
    """A dry run answers 200, whatever the change itself would."""
    if isinstance(model, DryRun):
        status, headers = 200, None
    body = model.model_dump_json() if model is not None else ""
    return Response(status_code=status, content_type="application/json", body=body, headers=dict(headers or {}))
