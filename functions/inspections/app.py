"""`/v1/inspections`, `/v1/uploads` and `/v1/service`: the front of the REST API."""

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.utilities.typing import LambdaContext

from core import front_door
from core.observability import logger, metrics, traced
from core.problem_responses import answer_with_problems
from inspections import composition, inspection_routes, life_routes, service_routes, upload_routes

app = APIGatewayRestResolver(enable_validation=True)
answer_with_problems(app)
for routes in (upload_routes, inspection_routes, life_routes, service_routes):
    app.include_router(routes.router)


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return front_door.answer(app, event, context, composition.services().database)
