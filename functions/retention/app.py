"""Scheduled: photos whose time is over go, and what they looked like."""

import os
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from core import aws
from core.composition import open_database
from core.erasure import Erasure
from core.observability import logger, metrics, traced
from core.storage import S3ObjectStore
from retention.old_fingerprints import OldFingerprints
from retention.retain import FINGERPRINTS_PORTION, retain
from retention.settings import Settings


@cache
def erasures() -> tuple[Erasure, OldFingerprints]:
    settings = Settings.from_environment(os.environ)
    database = open_database(settings.database)
    return Erasure(database, S3ObjectStore(aws.s3(), settings.bucket)), OldFingerprints(database)


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    photos, fingerprints = erasures()
    erased = retain(photos, context.get_remaining_time_in_millis)
    forgotten = retain(fingerprints, context.get_remaining_time_in_millis, FINGERPRINTS_PORTION)
    metrics.add_metric("InspectionsErased", "Count", erased)
    return {"erased": erased, "fingerprints": forgotten}
