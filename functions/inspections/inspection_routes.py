"""`/v1/inspections`: asked for, read, listed, their photos removed."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Header, Path, Query

from core import front_door
from core.contract import Inspection, InspectionInput, InspectionPage
from core.cursor import decode_cursor, encode_cursor
from core.errors import Unavailable
from core.identifiers import is_identifier
from core.lanes import Lane
from core.observability import logger, metrics
from core.presentation import present, present_accepted
from core.states import State
from inspections.services import (
    PROBLEMS,
    answer,
    applied,
    client_id_of,
    new_router,
    own_inspection,
    own_row,
    services_of,
    time_left_s,
)
from inspections.waiting import preferred_wait_s, wait_until_final

LONGEST_DEADLINE_MS = 86_400_000
BEFORE_THE_MODEL = frozenset({State.ACCEPTED, State.PRECHECKED})
FROM_ARCHIVE = {front_door.SERVED_FROM: "archive"}

router = new_router()


@router.post(
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
    services, client_id = services_of(router), client_id_of(router)
    allowance = services.usage.allowance(client_id)
    default_s = allowance.default_wait_s if body.lane is Lane.INTERACTIVE else 0
    wait_s = preferred_wait_s(prefer, default_s=default_s, longest_s=allowance.max_wait_s)
    acceptance = services.accept(body, client_id, allowance, idempotency_key, deadline_ms=deadline_ms)
    logger.append_keys(inspection_id=acceptance.inspection_id)
    if acceptance.held_s:
        wait_s = 0  # hours would be too long
    left_s = time_left_s(router)
    location = {"Location": f"/v1/inspections/{acceptance.inspection_id}"}
    retry_s = 1
    try:
        if wait_s and not _may_wait(acceptance.inspection_id, body.lane):
            metrics.add_metric("OverloadAnswers", "Count", 1)
            wait_s = 0
        if deadline_ms is not None:
            left_s = min(left_s, deadline_ms / 1000)
        wait_until_final(services.records, acceptance.inspection_id, min(wait_s, left_s))
        inspection, retry_s = _own_inspection_and_retry(acceptance.inspection_id)
    except Unavailable:
        archived = _archived(acceptance.inspection_id)
        if archived is not None:
            return answer(200, archived, location | {"Preference-Applied": applied(wait_s)} | FROM_ARCHIVE)
        if acceptance.stored is None:
            raise
        inspection = present_accepted(acceptance.stored)  # it is committed, whoever can't be asked about it now
    headers = location | {"Preference-Applied": applied(wait_s)}
    if not inspection.final:
        headers["Retry-After"] = str(acceptance.held_s or retry_s)
    return answer(200 if inspection.final else 202, inspection.model_dump_json(), headers)


@router.get(
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
        return answer(200, inspection.model_dump_json())
    except Unavailable:
        archived = _archived(inspection_id)
        if archived is None:
            raise  # it may well be there: only the database knows
        return answer(200, archived, FROM_ARCHIVE)


@router.get(
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
    rows = services_of(router).records.page(client_id_of(router), before=before, state=state, limit=limit + 1)
    more = encode_cursor(rows[limit - 1]["sequence"]) if len(rows) > limit else None
    page = InspectionPage(inspections=[present(row) for row in rows[:limit]], next_cursor=more)
    return answer(200, page.model_dump_json())


@router.delete(
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
    own_inspection(router, inspection_id)
    services_of(router).erasure.erase(client_id_of(router), inspection_id)
    metrics.add_metric("InspectionsErased", "Count", 1)
    return answer(200, own_inspection(router, inspection_id).model_dump_json())


def _own_inspection_and_retry(inspection_id: str) -> tuple[Inspection, int]:
    """With its estimated start while it waits its turn; and in how many seconds asking again may be worth it."""
    row = own_row(router, inspection_id)
    inspection = present(row)
    if inspection.state not in BEFORE_THE_MODEL or inspection.held_until or row["running"]:
        return inspection, 1
    position = services_of(router).load.position(inspection_id, client_id_of(router), inspection.lane)
    return inspection.model_copy(update={"estimated_start_at": position.begins_at}), position.retry_after_s


def _may_wait(inspection_id: str, lane: Lane) -> bool:
    load = services_of(router).load
    return load.may_be_waited_for(load.position(inspection_id, client_id_of(router), lane))


def _archived(inspection_id: str) -> str | None:
    """The client's final inspection as the table for hot reads has it, which another version of this code may have
    written; None where it is not there, or the table is away."""
    hot = services_of(router).hot
    if hot is None or not is_identifier(inspection_id, "insp"):
        return None
    try:
        document = hot.find(client_id_of(router), inspection_id)
    except Unavailable:
        return None
    metrics.add_metric("HotReads", "Count", 1 if document is not None else 0)
    return document.decode() if document is not None else None
