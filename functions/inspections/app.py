"""`/v1/inspections`, `/v1/uploads` and `/v1/service`: the front of the REST API."""

import os
from functools import cache
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.utilities.typing import LambdaContext

from core import aws, front_door
from core.accept import Accept
from core.composition import open_database, open_handover, open_hot_results, open_photo_sources
from core.delivery_nudge import DeliveryNudge
from core.erasure import Erasure
from core.inspection_records import InspectionRecords
from core.lane_load import LaneLoad
from core.observability import logger, metrics, traced
from core.problem_responses import answer_with_problems
from core.service import Service
from core.states import State
from core.storage import S3ObjectStore
from core.uploads import PhotoUploads
from core.usage import UsageRecords
from inspections import inspection_routes, life_routes, service_routes, upload_routes
from inspections.services import Services
from inspections.settings import Settings


@cache
def services() -> Services:
    settings = Settings.from_environment(os.environ)
    database = open_database(settings.database)
    records = InspectionRecords(database)
    handover = open_handover(database, {State.ACCEPTED: settings.precheck_queue_urls})
    store = S3ObjectStore(aws.s3(), settings.bucket)
    service = Service(database, settings.hours)
    gather = open_photo_sources(settings.photos, settings.bucket)
    nudge = DeliveryNudge(database, aws.impatient_sqs, settings.notify_queue_url)
    return Services(
        database,
        records,
        UsageRecords(database),
        Accept(records, store, handover, service, gather, nudge.after_end),
        Erasure(database, store),
        service,
        LaneLoad(database, settings.limits),
        PhotoUploads(aws.s3(), settings.bucket),
        open_hot_results(settings.hot),
        nudge.after_end,
    )


def with_services(app: APIGatewayRestResolver, following: NextMiddleware) -> Response[Any]:
    """Every route finds them in its context."""
    app.context["services"] = services()
    return following(app)


app = APIGatewayRestResolver(enable_validation=True)
app.use(middlewares=[with_services])
answer_with_problems(app)
for routes in (upload_routes, inspection_routes, life_routes, service_routes):
    app.include_router(routes.router)


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return front_door.answer(app, event, context, services().database)
