"""`/v1/service`: the service hours, as they stand."""

from aws_lambda_powertools.event_handler import Response

from core import front_door
from core.contract import ServiceState
from core.held_records import HeldRecords
from core.hours import time_of_day
from core.roles import ACROSS_CLIENTS
from inspections.services import PROBLEMS, answer, new_router, services_of

router = new_router()


@router.get(
    "/v1/service",
    summary="Whether the service is open, and when it opens or closes next",
    responses={
        200: {"description": "By the database's clock", "content": {"application/json": {"model": ServiceState}}},
        **PROBLEMS,
    },
    tags=["Service"],
)
def get_service() -> Response[str]:
    hours, standing = services_of(router).service.hours, services_of(router).service.standing()
    principal = front_door.principal_of(router)
    state = ServiceState(
        open=standing.open,
        opens=time_of_day(hours.opens_min),
        closes=time_of_day(hours.closes_min),
        timezone=hours.zone.key,
        opens_at=standing.opens_at,
        closes_at=standing.closes_at,
        held=HeldRecords(services_of(router).database, services_of(router).service).count(
            None if principal.role in ACROSS_CLIENTS else principal.client_id
        ),
    )
    return answer(200, state.model_dump_json())
