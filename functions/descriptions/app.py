"""`/v1/descriptions`: what photos show, in words."""

import os
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Body
from aws_lambda_powertools.utilities.typing import LambdaContext

from core import front_door
from core.composition import open_database
from core.database import Database
from core.endpoint import open_prompt_endpoint
from core.model_call import ModelCall
from core.observability import logger, metrics, traced
from core.problem_responses import answer_with_problems, described_problems
from core.usage import UsageRecords
from descriptions.contract import Description, DescriptionInput
from descriptions.describe import Describe
from descriptions.settings import Settings

app = APIGatewayRestResolver(enable_validation=True)
answer_with_problems(app)


@dataclass(frozen=True)
class Services:
    database: Database
    describe: Describe


@cache
def services() -> Services:
    settings = Settings.from_environment(os.environ)
    database = open_database(settings.database)
    endpoint = open_prompt_endpoint(settings.endpoint, settings.fallback)
    return Services(database, Describe(ModelCall(UsageRecords(database), endpoint)))


@app.post(
    "/v1/descriptions",
    summary="Photos in words",
    description="A caption, the answer to a question, or a product report with fixed fields. At most 6 photos of one "
    "item.",
    responses={
        200: {"description": "The description", "content": {"application/json": {"model": Description}}},
        **described_problems(400, 401, 403, 413, 415, 422, 429, 501, 502, 503),
    },
    tags=["Descriptions"],
)
def describe(body: Annotated[DescriptionInput, Body()]) -> Response[str]:
    found = services().describe(front_door.principal_of(app).client_id, body)
    return Response(status_code=200, content_type="application/json", body=found.model_dump_json())


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return front_door.answer(app, event, context, services().database)
