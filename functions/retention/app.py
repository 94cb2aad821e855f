"""Scheduled: photos whose time is over go."""

import os
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from core import aws
from core.composition import open_database
from core.erasure import Erasure
from core.observability import logger, metrics, traced
from core.storage import S3ObjectStore
from retention.retain import retain
from retention.settings import Settings


@cache
def erasure() -> Erasure:
    settings = Settings.from_environment(os.environ)
    return Erasure(open_database(settings.database), S3ObjectStore(aws.s3(), settings.bucket))


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    erased = retain(erasure(), context.get_remaining_time_in_millis)
    metrics.add_metric("InspectionsErased", "Count", erased)
    return {"erased": erased}
