"""`/v1/inspections` and `/v1/uploads`: the front of the REST API."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Header, Path, Query
from aws_lambda_powertools.utilities.typing import LambdaContext

from core import aws, front_door
from core.accept import Accept
from core.composition import open_database, open_handover, open_hot_results, open_photo_sources
from core.contract import (
    Inspection,
    InspectionEvents,
    InspectionInput,
    InspectionPage,
    ServiceState,
    Uploads,
    UploadsInput,
)
from core.cursor import decode_cursor, encode_cursor
from core.database import Database, Row
from core.endings import Endings
from core.erasure import Erasure
from core.errors import AlreadyFinal, NotFound, Unavailable
from core.held_records import HeldRecords
from core.hot_results import HotResults
from core.hours import time_of_day
from core.identifiers import is_identifier
from core.inspection_records import InspectionRecords
from core.lane_load import LaneLoad
from core.lanes import Lane
from core.observability import logger, metrics, traced
from core.presentation import present, present_accepted
from core.problem_responses import answer_with_problems, described_problems
from core.roles import ACROSS_CLIENTS
from core.service import Service
from core.states import State
from core.storage import S3ObjectStore
from core.uploads import PhotoUploads
from core.usage import INSPECT, UsageRecords
from inspections.events import EventRecords, as_stream, has_ended, wait_beyond, wants_stream
from inspections.settings import Settings
from inspections.waiting import preferred_wait_s, wait_until_final

ANSWERING_TAKES_S = 2  # kept back from the function's own time for reading the row and answering

app = APIGatewayRestResolver(enable_validation=True)
answer_with_problems(app)

LONGEST_DEADLINE_MS = 86_400_000
BEFORE_THE_MODEL = frozenset({State.ACCEPTED, State.PRECHECKED})
FROM_ARCHIVE = {front_door.SERVED_FROM: "archive"}

PROBLEMS = described_problems(400, 401, 403, 404, 409, 413, 415, 429, 501, 503)


@dataclass(frozen=True)
class Services:
    database: Database
    records: InspectionRecords
    usage: UsageRecords
    accept: Accept
    erasure: Erasure
    service: Service
    load: LaneLoad
    hot: HotResults | None = None


@cache
def services() -> Services:
    settings = Settings.from_environment(os.environ)
    database = open_database(settings.database)
    records = InspectionRecords(database)
    handover = open_handover(database, {State.ACCEPTED: settings.precheck_queue_urls})
    store = S3ObjectStore(aws.s3(), settings.bucket)
    service = Service(database, settings.hours)
    gather = open_photo_sources(settings.photos, settings.bucket)
    accept = Accept(records, store, handover, service, gather)
    hot = open_hot_results(settings.hot)
    load = LaneLoad(database, settings.limits)
    return Services(database, records, UsageRecords(database), accept, Erasure(database, store), service, load, hot)


@cache
def uploads() -> PhotoUploads:
    return PhotoUploads(aws.s3(), Settings.from_environment(os.environ).bucket)


@app.post(
    "/v1/uploads",
    summary="Places to upload photos to",
    description="For photos that are together too large for a request, or are known before it. Post each as a form to "
    "its `url`, within 15 minutes, with `fields` and then the file as `file`; then name it by `upload_id`. Size and "
    "type are in the signature. An upload is there for a day at least, and can be named more than once.",
    responses={
        201: {"description": "Signed", "content": {"application/json": {"model": Uploads}}},
        **described_problems(400, 401, 403, 415, 429, 503),
    },
    tags=["Inspections"],
)
def create_uploads(body: Annotated[UploadsInput, Body()]) -> Response[str]:
    services().usage.allowance(_client_id()).check(INSPECT)  # who may ask nothing today needs no place for photos
    media_types = body.media_types or ["image/jpeg"] * body.count
    opened = Uploads(uploads=uploads().open(_client_id(), media_types))
    metrics.add_metric("UploadsOpened", "Count", body.count)
    return _json(201, opened.model_dump_json())


@app.post(
    "/v1/inspections",
    summary="Have photos inspected",
    description="Waits for the verdict as `Prefer` says: `wait=N` seconds (the plan's default and limit: 20 and 25) or "
    "`respond-async`. The same `Idempotency-Key` with the same request leads to the same inspection. Outside the "
    "service hours it is accepted and answered at once, with `held_until`; so it is, with `estimated_start_at`, where "
    "as many run and wait in its lane as may. `Prefer` only says how long to wait; with `X-Deadline-Ms` the "
    "inspection ends as `expired` (`deadline_exceeded`) where its verdict can't be had in time.",
    responses={
        200: {"description": "Final", "content": {"application/json": {"model": Inspection}}},
        202: {"description": "Accepted and stored; ask again", "content": {"application/json": {"model": Inspection}}},
        **PROBLEMS,
    },
    tags=["Inspections"],
)
def create_inspection(
    body: Annotated[InspectionInput, Body()],
    idempotency_key: Annotated[
        str | None, Header(alias="Idempotency-Key", min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")
    ] = None,
    prefer: Annotated[str | None, Header(alias="Prefer", max_length=200)] = None,
    deadline_ms: Annotated[int | None, Header(alias="X-Deadline-Ms", ge=1, le=LONGEST_DEADLINE_MS)] = None,
) -> Response[str]:
    allowance = services().usage.allowance(_client_id())
    default_s = allowance.default_wait_s if body.lane is Lane.INTERACTIVE else 0
    wait_s = preferred_wait_s(prefer, default_s=default_s, longest_s=allowance.max_wait_s)
    acceptance = services().accept(body, _client_id(), allowance, idempotency_key, deadline_ms=deadline_ms)
    metrics.add_metric("InspectionsAccepted", "Count", 0 if acceptance.stored is None else 1)
    logger.append_keys(inspection_id=acceptance.inspection_id)
    if acceptance.held_s:
        wait_s = 0  # hours would be too long
    left_s = app.lambda_context.get_remaining_time_in_millis() / 1000 - ANSWERING_TAKES_S
    location = {"Location": f"/v1/inspections/{acceptance.inspection_id}"}
    retry_s = 1
    try:
        if wait_s and not _may_wait(acceptance.inspection_id, body.lane):
            metrics.add_metric("OverloadAnswers", "Count", 1)
            wait_s = 0
        if deadline_ms is not None:
            left_s = min(left_s, deadline_ms / 1000)
        wait_until_final(services().records, acceptance.inspection_id, min(wait_s, left_s))
        inspection, retry_s = _own_inspection_and_retry(acceptance.inspection_id)
    except Unavailable:
        archived = _archived(acceptance.inspection_id)
        if archived is not None:
            return _json(200, archived, location | {"Preference-Applied": _applied(wait_s)} | FROM_ARCHIVE)
        if acceptance.stored is None:
            raise
        inspection = present_accepted(acceptance.stored)  # it is committed, whoever can't be asked about it now
    headers = location | {"Preference-Applied": _applied(wait_s)}
    if not inspection.final:
        headers["Retry-After"] = str(acceptance.held_s or retry_s)
    return _json(200 if inspection.final else 202, inspection.model_dump_json(), headers)


@app.get(
    "/v1/inspections/<inspection_id>",
    summary="One inspection",
    description="Where hot reads are on and the database is away, a final inspection is read from their table: as it "
    "ended, and with the header `X-Served-From: archive`. What is not there is 503 then, never 404.",
    responses={
        200: {"description": "As it stands", "content": {"application/json": {"model": Inspection}}},
        **PROBLEMS,
    },
    tags=["Inspections"],
)
def get_inspection(inspection_id: Annotated[str, Path(max_length=100)]) -> Response[str]:
    try:
        inspection, _ = _own_inspection_and_retry(inspection_id)
        return _json(200, inspection.model_dump_json())
    except Unavailable:
        archived = _archived(inspection_id)
        if archived is None:
            raise  # it may well be there: only the database knows
        return _json(200, archived, FROM_ARCHIVE)


@app.get(
    "/v1/inspections",
    summary="The client's inspections, newest first",
    responses={200: {"description": "A page", "content": {"application/json": {"model": InspectionPage}}}, **PROBLEMS},
    tags=["Inspections"],
)
def list_inspections(
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
    state: Annotated[State | None, Query()] = None,
) -> Response[str]:
    before = decode_cursor(cursor) if cursor is not None else None
    rows = services().records.page(_client_id(), before=before, state=state, limit=limit + 1)
    more = encode_cursor(rows[limit - 1]["sequence"]) if len(rows) > limit else None
    page = InspectionPage(inspections=[present(row) for row in rows[:limit]], next_cursor=more)
    return _json(200, page.model_dump_json())


@app.get(
    "/v1/inspections/<inspection_id>/events",
    summary="What happened to an inspection, oldest first",
    description="With `Accept: text/event-stream` as server-sent events, by long polling: an answer comes as soon as "
    "there is anything after `Last-Event-ID`, or when `Prefer: wait=N` (the plan's limit where nothing is asked) is "
    "over; the client asks again, as every EventSource does, until 204 says that nothing more will come.",
    responses={
        200: {
            "description": "All, or as a stream those after `Last-Event-ID`",
            "content": {
                "application/json": {"model": InspectionEvents},
                "text/event-stream": {"schema": {"type": "string"}},
            },
        },
        204: {"description": "It is final and the stream is at its end"},
        **PROBLEMS,
    },
    tags=["Inspections"],
)
def list_events(
    inspection_id: Annotated[str, Path(max_length=100)],
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID", pattern=r"^\d{1,9}$")] = None,
    prefer: Annotated[str | None, Header(alias="Prefer", max_length=200)] = None,
) -> Response[str]:
    inspection = _own_inspection(inspection_id)
    records = EventRecords(services().database, _client_id(), inspection_id)
    if not wants_stream(app.current_event.headers.get("accept", "")):
        return _json(200, InspectionEvents(events=records.all()).model_dump_json())
    longest_s = services().usage.allowance(_client_id()).max_wait_s
    wait_s = preferred_wait_s(prefer, default_s=longest_s, longest_s=longest_s)
    left_s = app.lambda_context.get_remaining_time_in_millis() / 1000 - ANSWERING_TAKES_S
    last_id = int(last_event_id or 0)
    found = wait_beyond(records, last_id, 0 if inspection.final else min(wait_s, left_s))
    new = found[last_id:]
    if not new and (inspection.final or has_ended(found)):
        return Response(status_code=204, content_type=None, body="")
    headers = {"Cache-Control": "no-store", "Preference-Applied": _applied(wait_s)}
    return Response(status_code=200, content_type="text/event-stream", body=as_stream(new), headers=headers)


@app.post(
    "/v1/inspections/<inspection_id>/cancel",
    summary="Cancel an inspection",
    description="Ends it as `cancelled`, whatever is being done for it: what a worker finds out later is dropped. Its "
    "place is free at once; its unit is given back unless the model was asked already. One that was cancelled before "
    "answers the same again, one that is final in another way 409.",
    responses={
        200: {"description": "Cancelled", "content": {"application/json": {"model": Inspection}}},
        **PROBLEMS,
    },
    tags=["Inspections"],
)
def cancel_inspection(inspection_id: Annotated[str, Path(max_length=100)]) -> Response[str]:
    known = is_identifier(inspection_id, "insp")
    state = Endings(services().database).cancel(_client_id(), inspection_id) if known else None
    if state is None:
        raise NotFound("There is no such inspection.")
    if state is not State.CANCELLED:
        raise AlreadyFinal(f"The inspection is {state}, and what is final stays as it is.")
    return _json(200, _own_inspection(inspection_id).model_dump_json())


@app.delete(
    "/v1/inspections/<inspection_id>",
    summary="Remove an inspection's photos",
    description="Photos go for good; what was asked, what was found and what it was judged by stay. Only for an "
    "inspection that is final. Asking again does no harm.",
    responses={
        200: {"description": "Without photos", "content": {"application/json": {"model": Inspection}}},
        **PROBLEMS,
    },
    tags=["Inspections"],
)
def erase_inspection(inspection_id: Annotated[str, Path(max_length=100)]) -> Response[str]:
    _own_inspection(inspection_id)
    services().erasure.erase(_client_id(), inspection_id)
    metrics.add_metric("InspectionsErased", "Count", 1)
    return _json(200, _own_inspection(inspection_id).model_dump_json())


@app.get(
    "/v1/service",
    summary="Whether the service is open, and when it opens or closes next",
    responses={
        200: {"description": "By the database's clock", "content": {"application/json": {"model": ServiceState}}},
        **PROBLEMS,
    },
    tags=["Service"],
)
def get_service() -> Response[str]:
    hours, standing = services().service.hours, services().service.standing()
    principal = front_door.principal_of(app)
    state = ServiceState(
        open=standing.open,
        opens=time_of_day(hours.opens_min),
        closes=time_of_day(hours.closes_min),
        timezone=hours.zone.key,
        opens_at=standing.opens_at,
        closes_at=standing.closes_at,
        held=HeldRecords(services().database, services().service).count(
            None if principal.role in ACROSS_CLIENTS else principal.client_id
        ),
    )
    return _json(200, state.model_dump_json())


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return front_door.answer(app, event, context, services().database)


def _own_inspection(inspection_id: str) -> Inspection:
    return present(_own_row(inspection_id))


def _own_inspection_and_retry(inspection_id: str) -> tuple[Inspection, int]:
    """With its estimated start while it waits its turn; and in how many seconds asking again may be worth it."""
    row = _own_row(inspection_id)
    inspection = present(row)
    if inspection.state not in BEFORE_THE_MODEL or inspection.held_until or row["running"]:
        return inspection, 1
    position = services().load.position(inspection_id, _client_id(), inspection.lane)
    return inspection.model_copy(update={"estimated_start_at": position.begins_at}), position.retry_after_s


def _may_wait(inspection_id: str, lane: Lane) -> bool:
    load = services().load
    return load.may_be_waited_for(load.position(inspection_id, _client_id(), lane))


def _own_row(inspection_id: str) -> Row:
    row = services().records.find(_client_id(), inspection_id) if is_identifier(inspection_id, "insp") else None
    if row is None:
        raise NotFound("There is no such inspection.")
    return row


def _archived(inspection_id: str) -> str | None:
    """The client's final inspection as the table for hot reads has it, which another version of this code may have
    written; None where it is not there, or the table is away."""
    hot = services().hot
    if hot is None or not is_identifier(inspection_id, "insp"):
        return None
    try:
        document = hot.find(_client_id(), inspection_id)
    except Unavailable:
        return None
    metrics.add_metric("HotReads", "Count", 1 if document is not None else 0)
    return document.decode() if document is not None else None


def _client_id() -> str:
    """From the front door's word alone, never from anything that the client sent."""
    return front_door.principal_of(app).client_id


def _applied(wait_s: int) -> str:
    return f"wait={wait_s}" if wait_s else "respond-async"


def _json(status: int, body: str, headers: Mapping[str, str] | None = None) -> Response[str]:
    return Response(status_code=status, content_type="application/json", body=body, headers=dict(headers or {}))
