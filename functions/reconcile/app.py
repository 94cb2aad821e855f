"""Scheduled every five minutes: what a change could not tell API Gateway, or somebody changed there, is mended."""

import os
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from core import aws
from core.composition import open_database
from core.gateway_records import GatewayRecords
from core.observability import logger, metrics, traced
from reconcile.settings import Settings


@cache
def records() -> GatewayRecords:
    settings = Settings.from_environment(os.environ)
    return GatewayRecords(aws.api_gateway(), open_database(settings.database), settings.place)


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    mended = records().mend()
    for difference in mended.done:
        logger.warning("a record differed", record=difference.record, problem=difference.problem)
    for difference in mended.left:
        logger.error("a record still differs", record=difference.record, problem=difference.problem)
    metrics.add_metric("GatewayRecordsMended", "Count", len(mended.done))
    metrics.add_metric("GatewayRecordsOutOfStep", "Count", len(mended.left))
    return {"mended": len(mended.done), "left": len(mended.left)}
