"""What the routes work with, and what every route does with a request and an answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayRouter

from core import front_door
from core.accept import Accept
from core.contract import Inspection
from core.database import Database, Row
from core.erasure import Erasure
from core.errors import NotFound
from core.hot_results import HotResults
from core.identifiers import is_identifier
from core.inspection_records import InspectionRecords
from core.lane_load import LaneLoad
from core.presentation import present
from core.problem_responses import described_problems
from core.service import Service
from core.uploads import PhotoUploads
from core.usage import UsageRecords

ANSWERING_TAKES_S = 2  # kept back from the function's own time for reading the row and answering
PROBLEMS = described_problems(400, 401, 403, 404, 409, 413, 415, 429, 501, 503)


@dataclass(frozen=True)
class Services:
    """`on_final` is called after the commit that ended an inspection; nothing may depend on it."""

    database: Database
    records: InspectionRecords
    usage: UsageRecords
    accept: Accept
    erasure: Erasure
    service: Service
    load: LaneLoad
    uploads: PhotoUploads
    hot: HotResults | None = None
    on_final: Callable[[str], None] = lambda inspection_id: None


def new_router() -> APIGatewayRouter:
    return APIGatewayRouter()  # type: ignore[no-untyped-call]


def services_of(router: APIGatewayRouter) -> Services:
    """As the application put them into the request's context."""
    services: Services = router.context["services"]
    return services


def client_id_of(router: APIGatewayRouter) -> str:
    """From the front door's word alone, never from anything that the client sent."""
    return front_door.principal_of(router).client_id


def time_left_s(router: APIGatewayRouter) -> float:
    """How long the answer may still take."""
    return float(router.lambda_context.get_remaining_time_in_millis()) / 1000 - ANSWERING_TAKES_S


def own_row(router: APIGatewayRouter, inspection_id: str) -> Row:
    """Raises NotFound for what is unknown, or another client's."""
    records, client_id = services_of(router).records, client_id_of(router)
    row = records.find(client_id, inspection_id) if is_identifier(inspection_id, "insp") else None
    if row is None:
        raise NotFound("There is no such inspection.")
    return row


def own_inspection(router: APIGatewayRouter, inspection_id: str) -> Inspection:
    """Raises NotFound."""
    return present(own_row(router, inspection_id))


def applied(wait_s: int) -> str:
    """The value of Preference-Applied."""
    return f"wait={wait_s}" if wait_s else "respond-async"


def answer(status: int, body: str, headers: Mapping[str, str] | None = None) -> Response[str]:
    return Response(status_code=status, content_type="application/json", body=body, headers=dict(headers or {}))
