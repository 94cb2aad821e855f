"""`/v1/me` and `/v1/admin/…`: who may ask, and how much."""

import os
from functools import cache, partial
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.utilities.typing import LambdaContext

from admin import client_routes, dead_letter_routes, key_routes, member_routes, plan_routes, report_routes
from admin.dead_letter_contract import StageName
from admin.dead_letter_queue import SqsDeadLetters
from admin.dead_letters import StageQueues
from admin.services import Services
from admin.settings import Settings
from core import aws, front_door
from core.composition import open_database
from core.observability import logger, metrics, traced
from core.problem_responses import answer_with_problems
from core.queues import SqsQueue

app = APIGatewayRestResolver(enable_validation=True)
answer_with_problems(app)
for routes in (report_routes, client_routes, key_routes, member_routes, plan_routes, dead_letter_routes):
    app.include_router(routes.router)


@cache
def services() -> Services:
    settings = Settings.from_environment(os.environ)
    stages = partial(open_stages, settings)
    return Services(open_database(settings.database), settings.stack_name, aws.api_gateway, stages)


def open_stages(settings: Settings) -> dict[StageName, StageQueues]:
    return {
        stage: StageQueues(
            lanes={lane: SqsQueue(aws.sqs(), url) for lane, url in urls.items()},
            dead=SqsDeadLetters(aws.sqs(), settings.dead_letter_urls[stage]),
        )
        for stage, urls in settings.queue_urls.items()
    }


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    app.context["services"] = services()
    return front_door.answer(app, event, context, services().database)
