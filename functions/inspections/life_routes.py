"""What happened to an inspection, and ending it before its time."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Header, Path

from core.contract import Inspection, InspectionEvents
from core.endings import Endings
from core.errors import AlreadyFinal, NotFound
from core.identifiers import is_identifier
from core.states import State
from inspections.events import EventRecords, as_stream, has_ended, wait_beyond, wants_stream
from inspections.services import (
    PROBLEMS,
    answer,
    applied,
    client_id_of,
    new_router,
    own_inspection,
    services_of,
    time_left_s,
)
from inspections.waiting import preferred_wait_s

router = new_router()


@router.get(
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
    inspection = own_inspection(router, inspection_id)
    records = EventRecords(services_of(router).database, client_id_of(router), inspection_id)
    if not wants_stream(router.current_event.headers.get("accept", "")):
        return answer(200, InspectionEvents(events=records.all()).model_dump_json())
    longest_s = services_of(router).usage.allowance(client_id_of(router)).max_wait_s
    wait_s = preferred_wait_s(prefer, default_s=longest_s, longest_s=longest_s)
    left_s = time_left_s(router)
    last_id = int(last_event_id or 0)
    found = wait_beyond(records, last_id, 0 if inspection.final else min(wait_s, left_s))
    new = found[last_id:]
    if not new and (inspection.final or has_ended(found)):
        return Response(status_code=204, content_type=None, body="")
    headers = {"Cache-Control": "no-store", "Preference-Applied": applied(wait_s)}
    return Response(status_code=200, content_type="text/event-stream", body=as_stream(new), headers=headers)


@router.post(
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
    state = Endings(services_of(router).database).cancel(client_id_of(router), inspection_id) if known else None
    if state is None:
        raise NotFound("There is no such inspection.")
    if state is not State.CANCELLED:
        raise AlreadyFinal(f"The inspection is {state}, and what is final stays as it is.")
    services_of(router).on_final(inspection_id)
    return answer(200, own_inspection(router, inspection_id).model_dump_json())
