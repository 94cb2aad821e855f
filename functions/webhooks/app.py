"""`/v1/webhooks`: where a client wants to be told, and what became of it. What holds a secret is kept by no cache."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from core import aws, front_door
from core.audit import Actor, actor_of
from core.composition import open_database
from core.database import Database
from core.delivery_nudge import DeliveryNudge
from core.observability import logger, metrics, traced
from core.outward import Outward
from core.problem_responses import answer_with_problems, described_problems
from webhooks.contract import (
    Delivery,
    DeliveryPage,
    DeliveryState,
    Endpoint,
    EndpointChange,
    EndpointList,
    IssuedEndpoint,
    NewEndpoint,
    Replay,
    Replayed,
    SecretRotation,
)
from webhooks.delivery_log import DeliveryLog
from webhooks.endpoints import Endpoints
from webhooks.settings import Settings

WEBHOOKS = "/v1/webhooks"
WEBHOOK = f"{WEBHOOKS}/<endpoint_id>"
NO_STORE = {"Cache-Control": "no-store"}
EndpointId = Annotated[str, Path(max_length=100)]

app = APIGatewayRestResolver(enable_validation=True)
answer_with_problems(app)


@dataclass(frozen=True)
class Services:
    database: Database
    endpoints: Endpoints
    log: DeliveryLog
    nudge: DeliveryNudge


@cache
def services() -> Services:
    settings = Settings.from_environment(os.environ)
    database = open_database(settings.database)
    return Services(
        database,
        Endpoints(database, partial(Outward(settings.local_places).check, field="url")),
        DeliveryLog(database),
        DeliveryNudge(database, aws.impatient_sqs, settings.notify_queue_url),
    )


def answers(status: int, model: type[BaseModel] | None, what: str) -> dict[int, Any]:
    """For the API's document. No model: no body."""
    done: dict[str, Any] = {"description": what}
    if model is not None:
        done["content"] = {"application/json": {"model": model}}
    return {status: done, **described_problems(400, 401, 403, 404, 409, 415, 429, 503)}


@app.get(
    WEBHOOKS, summary="The client's webhook endpoints", responses=answers(200, EndpointList, "All"), tags=["Webhooks"]
)
def list_endpoints() -> Response[str]:
    return _json(200, services().endpoints.all(_client_id()))


@app.post(
    WEBHOOKS,
    summary="Be told at an address",
    description="`secret` in the answer verifies the messages (standardwebhooks.com): it is shown once.",
    responses=answers(201, IssuedEndpoint, "Made"),
    tags=["Webhooks"],
)
def create_endpoint(body: Annotated[NewEndpoint, Body()]) -> Response[str]:
    made = services().endpoints.create(_actor(), body)
    return _json(201, made, {**NO_STORE, "Location": f"{WEBHOOKS}/{made.endpoint_id}"})


@app.get(WEBHOOK, summary="One endpoint", responses=answers(200, Endpoint, "As it stands"), tags=["Webhooks"])
def get_endpoint(endpoint_id: EndpointId) -> Response[str]:
    return _json(200, services().endpoints.one(_client_id(), endpoint_id))


@app.patch(
    WEBHOOK,
    summary="Change an endpoint's address or events, disable or enable it",
    description="What waits for an endpoint that is disabled is dead; a replay brings it back.",
    responses=answers(200, Endpoint, "Changed"),
    tags=["Webhooks"],
)
def update_endpoint(endpoint_id: EndpointId, body: Annotated[EndpointChange, Body()]) -> Response[str]:
    return _json(200, services().endpoints.update(_actor(), endpoint_id, body))


@app.delete(WEBHOOK, summary="Remove an endpoint", responses=answers(204, None, "Removed"), tags=["Webhooks"])
def remove_endpoint(endpoint_id: EndpointId) -> Response[str]:
    services().endpoints.remove(_actor(), endpoint_id)
    return Response(status_code=204, content_type="application/json", body="")


@app.post(
    f"{WEBHOOK}/rotate",
    summary="Give an endpoint another secret",
    description="For `overlap_s` messages are signed by both. The new one is shown once.",
    responses=answers(201, IssuedEndpoint, "Made"),
    tags=["Webhooks"],
)
def rotate_secret(endpoint_id: EndpointId, body: Annotated[SecretRotation | None, Body()] = None) -> Response[str]:
    return _json(201, services().endpoints.rotate(_actor(), endpoint_id, body or SecretRotation()), NO_STORE)


@app.post(
    f"{WEBHOOK}/test",
    summary="Send a message of the type test",
    responses=answers(202, Delivery, "It is on its way; the log tells what became of it"),
    tags=["Webhooks"],
)
def test_endpoint(endpoint_id: EndpointId) -> Response[str]:
    delivery_id = services().endpoints.test(_client_id(), endpoint_id)
    services().nudge()
    return _json(202, services().log.one(endpoint_id, delivery_id))


@app.get(
    f"{WEBHOOK}/deliveries",
    summary="An endpoint's deliveries, newest first",
    responses=answers(200, DeliveryPage, "A page"),
    tags=["Webhooks"],
)
def list_deliveries(
    endpoint_id: EndpointId,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
    state: Annotated[DeliveryState | None, Query()] = None,
) -> Response[str]:
    services().endpoints.one(_client_id(), endpoint_id)
    return _json(200, services().log.page(endpoint_id, cursor=cursor, state=state, limit=limit))


@app.post(
    f"{WEBHOOK}/replay",
    summary="Send messages once more",
    description="One delivery, or a span of at most 1,000 at once; `webhook-id` stays the same.",
    responses=answers(202, Replayed, "They are on their way"),
    tags=["Webhooks"],
)
def replay_deliveries(endpoint_id: EndpointId, body: Annotated[Replay, Body()]) -> Response[str]:
    services().endpoints.one(_client_id(), endpoint_id)
    replayed = services().log.replay(endpoint_id, body)
    services().nudge()
    return _json(202, replayed)


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return front_door.answer(app, event, context, services().database)


def _client_id() -> str:
    """From the front door's word alone, never from anything that the client sent."""
    return front_door.principal_of(app).client_id


def _actor() -> Actor:
    return actor_of(front_door.principal_of(app), app.current_event)


def _json(status: int, model: BaseModel, headers: Mapping[str, str] | None = None) -> Response[str]:
    body = model.model_dump_json()
    return Response(status_code=status, content_type="application/json", body=body, headers=dict(headers or {}))
